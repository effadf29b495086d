import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { type Binding, inAnyQuery, type Rpc } from '#runtime/contract/contract.ts';

/** What lua/request.lua validates a value against: a scalar kind, a list, an object, or a list of field names. */
type Shape = 'string' | 'int32' | 'bool' | 'time' | { list: Shape } | { fields: Shapes } | { mask: MaskNames };
type Shapes = Readonly<Record<string, Shape>>;
/** Every name allowed in a mask, and the field that it stands for. */
type MaskNames = Readonly<Record<string, string>>;

/** What one binding accepts. */
interface CallShape {
  /** Absent: whatever the query says is ignored. */
  readonly query?: Shapes;
  /** The parameter that names fields of the body to be written even if absent from it. */
  readonly mask?: string;
  /** Absent: a body may have no fields. */
  readonly body?: Shapes;
}

const depthLimit = 8;

/** Below it an unknown query parameter is refused; elsewhere caches and monitors add parameters that mean nothing. */
const strictPrefix = '/api/';

export const callName = ({ verb, path }: Binding): string => `${verb} ${path.text}`;

/** A field may be given once: in the path, the body or the query. Its names are that of the proto and, as in proto JSON, the lowerCamelCase form. */
function callShape(rpc: Rpc, binding: Binding): CallShape {
  const free = rpc.request.fields.filter(({ name }) => !binding.path.variables.includes(name));
  if (free.length === 0 && !binding.path.text.startsWith(strictPrefix)) return {};
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
  const masks = free.filter(isMask);
  if (masks.length > 1) throw new Error(`${rpc.name} has more than one mask.`);
  return {
    query: {
      ...shapesOf(
        free.filter((field) => field !== body && fitsQuery(field) && !isMask(field)),
        0,
      ),
      ...masksOf(masks, body.message),
    },
    ...(masks[0] ? { mask: masks[0].name } : {}),
    body: shapesOf(body.message.fields, 1),
  };
}

const isMask = (field: DescField): boolean => field.message?.typeName === 'google.protobuf.FieldMask';

/** A mask names fields of the body. The transcoder would accept invalid names in it, "Title" as title. */
function masksOf(masks: readonly DescField[], body: DescMessage): Shapes {
  const mask = Object.fromEntries(
    body.fields.flatMap(({ name, jsonName }) => [name, jsonName].map((spelling) => [spelling, jsonName])),
  );
  return Object.fromEntries(masks.flatMap(({ name, jsonName }) => [name, jsonName].map((key) => [key, { mask }])));
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

/** Plain values only: the fields of a nested message cannot be given in a query. */
function fitsQuery(field: DescField): boolean {
  const message = field.message;
  return field.fieldKind !== 'map' && (!message || message.typeName.startsWith('google.protobuf.'));
}

function lua(value: CallShape | Shapes | Shape | MaskNames): string {
  if (typeof value === 'string') return `"${value}"`;
  return `{ ${Object.entries(value)
    .map(([key, inner]) => `["${key}"] = ${lua(inner)}`)
    .join(', ')} }`;
}
