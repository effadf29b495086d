import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { type Binding, inAnyQuery, type Rpc } from '#runtime/contract/contract.ts';

/** What lua/request.lua holds a value against: the name of a kind, a list, or an object. */
type Shape = 'string' | 'int32' | 'bool' | 'time' | { list: Shape } | { fields: Shapes };
type Shapes = Readonly<Record<string, Shape>>;

/** What one binding takes. */
interface CallShape {
  readonly query: Shapes;
  /** Absent: a body may have no field. */
  readonly body?: Shapes;
}

const depthLimit = 8;

export const callName = ({ verb, path }: Binding): string => `${verb} ${path.text}`;

/**
 * A field may be given once: by the path, by the body or by the query. Names are those of the proto and, as proto JSON
 * has it, their lowerCamelCase.
 */
function callShape(rpc: Rpc, binding: Binding): CallShape {
  const free = rpc.request.fields.filter(({ name }) => !binding.path.variables.includes(name));
  if (binding.body === '') return { query: shapesOf(free.filter(fitsQuery), 0) };
  if (binding.body === '*')
    return {
      query: shapesOf(
        free.filter(({ name }) => inAnyQuery.has(name)),
        0,
      ),
      body: shapesOf(free, 0),
    };
  const body = free.find(({ name }) => name === binding.body);
  if (body?.fieldKind !== 'message')
    throw new Error(`${rpc.name}: the body is read into ${binding.body}, which is no message.`);
  return {
    query: shapesOf(
      free.filter((field) => field !== body && fitsQuery(field)),
      0,
    ),
    body: shapesOf(body.message.fields, 1),
  };
}

/** All of them as a Lua table. */
export function callShapesLua(rpcs: readonly Rpc[]): string {
  const entries = rpcs.flatMap((rpc) =>
    rpc.bindings.map((binding) => `  ["${callName(binding)}"] = ${lua(callShape(rpc, binding))},`),
  );
  return `local calls = {\n${entries.join('\n')}\n}\n`;
}

function shapesOf(fields: readonly DescField[], depth: number): Shapes {
  return Object.fromEntries(
    fields.flatMap((field) => {
      const shape = shapeOf(field, depth);
      return [...new Set([field.name, field.jsonName])].map((name) => [name, shape]);
    }),
  );
}

function shapeOf(field: DescField, depth: number): Shape {
  if (depth > depthLimit) throw new Error(`${field.parent.typeName} nests too deeply for a request.`);
  switch (field.fieldKind) {
    case 'scalar':
      return scalarShape(field.scalar);
    case 'enum':
      return 'string';
    case 'message':
      return messageShape(field.message, depth);
    case 'list':
      if (field.listKind === 'message') return { list: messageShape(field.message, depth) };
      return { list: field.listKind === 'enum' ? 'string' : scalarShape(field.scalar) };
    case 'map':
      throw new Error(`${field.parent.typeName}.${field.name}: a request of the API has no maps.`);
  }
}

function messageShape(message: DescMessage, depth: number): Shape {
  if (message.typeName === 'google.protobuf.Timestamp') return 'time';
  if (message.typeName === 'google.protobuf.FieldMask') return 'string';
  if (message.typeName.startsWith('google.'))
    throw new Error(`${message.typeName} has no shape in envoy/request-shape.ts.`);
  return { fields: shapesOf(message.fields, depth + 1) };
}

function scalarShape(scalar: ScalarType): Shape {
  if (scalar === ScalarType.BOOL) return 'bool';
  if (scalar === ScalarType.INT32) return 'int32';
  if (scalar === ScalarType.STRING || scalar === ScalarType.BYTES) return 'string';
  throw new Error(`${ScalarType[scalar]} has no shape in envoy/request-shape.ts.`);
}

/** Plain values only: the parts of a message are not spelled out in a query. */
function fitsQuery(field: DescField): boolean {
  const message = field.message;
  return field.fieldKind !== 'map' && (!message || message.typeName.startsWith('google.protobuf.'));
}

function lua(value: CallShape | Shapes | Shape): string {
  if (typeof value === 'string') return `"${value}"`;
  return `{ ${Object.entries(value)
    .map(([key, inner]) => `["${key}"] = ${lua(inner)}`)
    .join(', ')} }`;
}
