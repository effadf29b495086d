import type { DescField } from '@bufbuild/protobuf';
import { Exposure } from '#gen/options/v1/access_pb.ts';
import type { Comments } from '#runtime/contract/comments.ts';
import { type Binding, inAnyQuery, type Rpc } from '#runtime/contract/contract.ts';
import { type Beyond, beyondProto } from './beyond-proto.ts';
import { curlOf, filledIn } from './curl.ts';
import { type Example, examples, readersVariables } from './examples.ts';
import type { MediaType, Operation, Parameter, Response, Schema, Verb } from './openapi.ts';
import { ownReasons, rateLimitHeaders, refusals, sharedReasons } from './refusals.ts';
import type { Schemas } from './schemas.ts';

export interface Place {
  readonly path: string;
  readonly verb: Verb;
  readonly operation: Operation;
}

interface Making {
  readonly rpc: Rpc;
  readonly binding: Binding;
  readonly beyond: Beyond;
  readonly schemas: Schemas;
  readonly comments: Comments;
  readonly example: Example;
}

/** One operation for every path of a call. */
export function operationsOf(rpc: Rpc, tag: string, schemas: Schemas, comments: Comments): Place[] {
  const beyond = beyondProto[rpc.name] ?? {};
  const [first] = rpc.bindings;
  if (!first) return [];
  const name = rpc.name.replace(/^.*\/(.)/, (_, letter: string) => letter.toLowerCase());
  return rpc.bindings.map((binding, index) => {
    const example = exampleOf(binding);
    const operation: Operation = {
      operationId: index === 0 ? name : `${name}_${index + 1}`,
      tags: [tag],
      ...wordsFor(rpc, binding, first, beyond, comments),
      security: securityOf(rpc),
      ...partsOf({ rpc, binding, beyond, schemas, comments, example }),
      'x-rpc': rpc.name,
      ...(index === 0 ? {} : { 'x-alias-of': name }),
      ...sampleOf(example, !isOpen(rpc)),
    };
    return { path: pathOf(binding), verb: verbOf(binding), operation };
  });
}

/** The part of an operation that comes from its example. */
export function sampleOf(example: Example, needsToken: boolean): Pick<Operation, 'x-codeSamples' | 'x-example'> {
  return {
    'x-codeSamples': [{ lang: 'Shell', label: 'curl', source: curlOf(example, needsToken) }],
    'x-example': {
      step: examples.indexOf(example) + 1,
      status: example.status,
      ...(example.after === undefined ? {} : { after: example.after }),
      keep: example.keep ?? {},
    },
  };
}

/** The first sentence of a comment, and the rest of it without the list of errors, which is in the responses. */
export function wordsOf(comment: string): { summary: string; description: string } {
  const [, summary = comment, rest = ''] = /^(.*?[.:])\s+(.*)$/s.exec(comment) ?? [];
  const description = rest.replace(/Errors: .*?\.(?=\s|$)\s*/s, '').trim();
  return {
    summary: summary.replace(/:$/, '.'),
    description: description.charAt(0).toUpperCase() + description.slice(1),
  };
}

/** Whether no authentication is needed. */
const isOpen = (rpc: Rpc): boolean => rpc.anonymous || rpc.exposure === Exposure.EDGE;

const securityOf = (rpc: Rpc): Operation['security'] =>
  isOpen(rpc) ? [] : [{ bearer: rpc.scope === '' ? [] : [rpc.scope] }];

const pathOf = ({ path }: Binding): string => path.text.replaceAll(/\{(\w+)=[^}]*\}/g, '{$1}');

const verbOf = ({ verb }: Binding): Verb => verb.toLowerCase() as Verb;

function exampleOf(binding: Binding): Example {
  const call = `${binding.verb} ${binding.path.text}`;
  const example = examples.find((candidate) => candidate.call === call);
  // A new call needs an example; until then only its path is shown, so that the pages stay up.
  return example ?? { call, status: 200 };
}

function wordsFor(rpc: Rpc, binding: Binding, first: Binding, beyond: Beyond, comments: Comments) {
  const { summary, description } = wordsOf(comments.get(rpc.name.replace('/', '.')) ?? rpc.name);
  const words = { summary: beyond.summary ?? summary, description: beyond.description ?? description };
  if (binding === first) return words;
  const known = `\`${first.verb} ${pathOf(first)}\``;
  if (binding.verb === 'HEAD') return { ...words, description: `The headers of GET, without the body. See ${known}.` };
  return { ...words, description: `Another path of ${known}.` };
}

function partsOf(making: Making): Pick<Operation, 'parameters' | 'requestBody' | 'responses'> {
  const { rpc, binding, beyond } = making;
  const body = bodyOf(making);
  const parameters = [
    ...binding.path.variables.map((name) => parameter(making, fieldOf(rpc, name), 'path')),
    ...queryOf(rpc, binding).map((field) => parameter(making, field, 'query')),
    ...(beyond.requestHeaders ?? []),
  ];
  return {
    parameters,
    ...(body ? { requestBody: body } : {}),
    responses: beyond.responses
      ? withoutBodies(beyond.responses(making.schemas), binding)
      : responsesOf(making, body !== undefined),
  };
}

/** Plain values only; Envoy's script refuses any other parameter. */
function queryOf({ request }: Rpc, { path, body }: Binding): DescField[] {
  return request.fields.filter(
    (field) =>
      (body !== '*' || inAnyQuery.has(field.name)) &&
      field.name !== body &&
      !path.variables.includes(field.name) &&
      field.fieldKind !== 'map' &&
      (!field.message || field.message.typeName.startsWith('google.protobuf.')),
  );
}

function fieldOf({ name: call, request }: Rpc, name: string): DescField {
  const field = request.fields.find((candidate) => candidate.name === name);
  if (!field) throw new Error(`${call}: the path names ${name}, which the request does not have.`);
  return field;
}

function parameter({ schemas, example }: Making, field: DescField, place: 'path' | 'query'): Parameter {
  const { description = '', ...schema } = schemas.field(field, 'request');
  const value = (place === 'path' ? example.path : example.query)?.[field.name];
  return {
    name: field.name,
    in: place,
    description,
    required: place === 'path',
    schema,
    ...(value === undefined || value.startsWith('$') ? {} : { example: typedAs(schema, value) }),
  };
}

function typedAs({ type }: Schema, value: string): string | number | boolean {
  if (type === 'integer' || type === 'number') return Number(value);
  return type === 'boolean' ? value === 'true' : value;
}

function bodyOf({ rpc, binding, schemas, example }: Making): Operation['requestBody'] {
  if (binding.body === '') return undefined;
  const schema = bodySchema(rpc, binding, schemas);
  const shape = schema.$ref === undefined ? schema : schemas.components[schema.$ref.replace(/^.*\//, '')];
  const shown =
    example.body && Object.keys(example.body).length > 0 ? filledIn(example.body, readersVariables) : undefined;
  return {
    required: (shape?.required ?? []).length > 0,
    content: { 'application/json': { schema, ...(shown === undefined ? {} : { example: shown }) } },
  };
}

function bodySchema(rpc: Rpc, { body, path }: Binding, schemas: Schemas): Schema {
  if (body !== '*') return schemas.field(fieldOf(rpc, body), 'request');
  if (path.variables.length === 0) return schemas.message(rpc.request, 'request');
  return schemas.messageWithout(rpc.request, path.variables, 'request');
}

function responsesOf({ rpc, beyond, schemas, comments, example }: Making, hasBody: boolean): Record<string, Response> {
  const content: Readonly<Record<string, MediaType>> = beyond.content?.(schemas) ?? {
    'application/json': { schema: schemas.message(rpc.response, 'answer') },
  };
  const success: Response = {
    description: beyond.content ? 'Success.' : wordsOf(comments.get(rpc.response.typeName) ?? 'Success.').summary,
    headers: { ...beyond.answerHeaders, ...rateLimitHeaders },
    content: Object.fromEntries(
      Object.entries(content).map(([type, media]) => [
        type,
        example.answer === undefined ? media : { ...media, example: example.answer },
      ]),
    ),
  };
  const own = ownReasons(comments.get(rpc.name.replace('/', '.')) ?? '');
  return { [beyond.status ?? 200]: success, ...refusals(own, sharedReasons(rpc, hasBody)) };
}

/** HEAD is answered as GET, without a body. */
function withoutBodies(responses: Readonly<Record<string, Response>>, { verb }: Binding): Record<string, Response> {
  if (verb !== 'HEAD') return { ...responses };
  return Object.fromEntries(
    Object.entries(responses).map(([status, { content: _, ...response }]) => [status, response]),
  );
}
