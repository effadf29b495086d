import { Exposure } from '#gen/options/v1/access_pb.ts';
import { type Comments, readComments } from '#runtime/contract/comments.ts';
import { type Rpc, readContract } from '#runtime/contract/contract.ts';
import { beyondProto, healthz } from './beyond-proto.ts';
import { examples, readersVariables } from './examples.ts';
import type { GrpcCall, OpenApi, Operation, Verb } from './openapi.ts';
import { operationsOf, type Place, sampleOf, wordsOf } from './operations.ts';
import { errorSchemas, headerComponents } from './refusals.ts';
import { createSchemas } from './schemas.ts';

interface DocumentOptions {
  /** The contract: the output of `buf build --as-file-descriptor-set` for the protos, with their comments. */
  readonly descriptorSet: Uint8Array;
  readonly publicUrl: string;
}

/** The names of the services in the document, in the order in which a newcomer needs them. */
const tags: Readonly<Record<string, { readonly name: string; readonly description: string }>> = {
  'hop.identity.v1.IdentityService': { name: 'Identity', description: 'People, sessions and API keys.' },
  'hop.identity.v1.WorkspaceService': {
    name: 'Workspaces',
    description: 'Workspaces, their members and roles, and invitations.',
  },
  'hop.link.v1.LinkService': { name: 'Links', description: 'Making, changing and finding short links.' },
  'hop.resolver.v1.ResolverService': { name: 'Following', description: 'What happens to whoever follows a link.' },
  'hop.analytics.v1.AnalyticsService': { name: 'Statistics', description: 'Who followed, as far as it may be known.' },
  'hop.status.v1.StatusService': { name: 'Operation', description: 'The state of the mesh.' },
  'hop.pages.v1.PagesService': { name: 'Health', description: 'Whether this installation works.' },
};

const introduction = `Makes short links, follows them, and counts the clicks.

JSON has the field names of the protos (snake_case); times are RFC 3339 in UTC; ids are opaque strings; counts are JSON numbers. A request with a field that the call does not know is refused, and under /api one with an unknown query parameter.

A path and a query are ASCII: every other character in them is percent-encoded, as UTF-8. HEAD is answered as GET, without a body; a method that a path does not have is 405, with \`Allow\`, and one that HTTP does not know is 400.

The same calls exist as gRPC and gRPC-Web on the same port, under the full method names given with each call.`;

/** Builds the OpenAPI 3.1 document: every PUBLIC call with a path, and those of Envoy's own calls that people use. */
export function buildOpenApi({ descriptorSet, publicUrl }: DocumentOptions): OpenApi {
  const comments = readComments(descriptorSet);
  const schemas = createSchemas(comments);
  const rpcs = readContract(descriptorSet).filter(isDocumented).sort(byTag);
  const places = rpcs.flatMap((rpc) => operationsOf(rpc, tagOf(rpc).name, schemas, comments));
  const used = new Set(rpcs.map((rpc) => tagOf(rpc)));
  return {
    openapi: '3.1.1',
    info: { title: 'Hopline', version: 'v1', description: introduction },
    servers: [{ url: publicUrl.replace(/\/+$/, '') }],
    tags: [...used],
    paths: pathsOf([...places, ...healthPlaces()]),
    components: {
      schemas: { ...schemas.components, ...errorSchemas },
      headers: headerComponents,
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description:
            'The token of a session (sign up or log in; good for 15 minutes) or an API key. A session has the scopes of the role held in the workspace, an API key those it was made with, as far as the role of its owner still has them.',
        },
      },
    },
    'x-variables': { HOP: publicUrl.replace(/\/+$/, ''), ...readersVariables },
    'x-grpc-calls': rpcs.filter(({ bindings }) => bindings.length === 0).map((rpc) => grpcCall(rpc, comments)),
  };
}

const isDocumented = ({ name, exposure }: Rpc): boolean =>
  exposure === Exposure.PUBLIC || (exposure === Exposure.EDGE && beyondProto[name] !== undefined);

const tagOf = ({ service }: Rpc) => tags[service] ?? { name: service, description: '' };

function byTag(a: Rpc, b: Rpc): number {
  const order = Object.keys(tags);
  return order.indexOf(a.service) - order.indexOf(b.service);
}

function grpcCall(rpc: Rpc, comments: Comments): GrpcCall {
  const words = wordsOf(comments.get(rpc.name.replace('/', '.')) ?? rpc.name);
  return { rpc: rpc.name, tag: tagOf(rpc).name, ...words, scope: rpc.scope };
}

function healthPlaces(): Place[] {
  const { path, ...words } = healthz;
  return (['get', 'head'] as const).map((verb) => {
    const example = examples.find(({ call }) => call === `${verb.toUpperCase()} ${path}`) ?? {
      call: path,
      status: 200,
    };
    const operation: Operation = {
      operationId: verb === 'get' ? 'healthz' : 'healthz_2',
      tags: ['Health'],
      ...words,
      security: [],
      parameters: [],
      responses: verb === 'get' ? words.responses : { 200: { description: words.responses[200].description } },
      ...(verb === 'get' ? {} : { 'x-alias-of': 'healthz' }),
      ...sampleOf(example, false),
    };
    return { path, verb, operation };
  });
}

function pathsOf(places: readonly Place[]): OpenApi['paths'] {
  const paths: Record<string, Partial<Record<Verb, Operation>>> = {};
  for (const { path, verb, operation } of places) paths[path] = { ...paths[path], [verb]: operation };
  return paths;
}
