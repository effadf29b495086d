import { ReadinessSchema } from '#gen/pages/v1/pages_service_pb.ts';
import { redirectStatuses } from '#runtime/shortlink/link-record.ts';
import type { Header, MediaType, Parameter, Response } from './openapi.ts';
import { errorContent, refusal } from './refusals.ts';
import type { Schemas } from './schemas.ts';

/** What REST adds to a call that its proto does not say. */
export interface Beyond {
  /** The status of a success; 200 if absent. */
  readonly status?: number;
  readonly requestHeaders?: readonly Parameter[];
  readonly answerHeaders?: Readonly<Record<string, Header>>;
  /** The body of a call that returns google.api.HttpBody. */
  readonly content?: (schemas: Schemas) => Readonly<Record<string, MediaType>>;
  /** For a call made by Envoy itself, whose comment is addressed to Envoy. */
  readonly summary?: string;
  readonly description?: string;
  /** For such a call: all of its responses. */
  readonly responses?: (schemas: Schemas) => Readonly<Record<string, Response>>;
}

const text = { type: 'string' } as const;
const page: MediaType = { schema: text };
const cacheControl: Header = { description: 'How long the answer may be kept.', schema: text };

const location: Readonly<Record<string, Header>> = {
  Location: {
    description: 'The destination, byte for byte as it is stored.',
    schema: { type: 'string', format: 'uri' },
  },
  'Cache-Control': {
    description:
      '`private, no-store` on 302 and 307, of a link with a limit (max_clicks), and while no store answers; else `private, max-age=30`.',
    schema: text,
  },
};

const etag: Readonly<Record<string, Header>> = {
  ETag: {
    description: 'The `etag` of the link in quotes; clicks do not change it.',
    schema: { type: 'string' },
  },
};

const ifMatch: Parameter = {
  name: 'If-Match',
  in: 'header',
  description:
    'The ETag that was seen last, or several; `*` is any. If the link has another by now, the call is refused.',
  required: false,
  schema: text,
};

/** A refusal that a browser gets as a page. */
const shown = (response: Response): Response => ({ ...response, content: { 'text/html': page, ...errorContent } });

const redirects = Object.fromEntries(
  redirectStatuses.map((status) => [
    status,
    { description: `The link leads to Location (redirect_status ${status}).`, headers: location },
  ]),
);

const readiness = (schemas: Schemas): Readonly<Record<string, MediaType>> => ({
  'application/json': { schema: schemas.message(ReadinessSchema, 'answer') },
});

/** By the full name of the method. Envoy's own calls (EDGE) are in the document if they are listed here. */
export const beyondProto: Readonly<Record<string, Beyond>> = {
  'hop.identity.v1.IdentityService/SignUp': { status: 201 },
  'hop.identity.v1.IdentityService/CreateApiKey': { status: 201 },
  'hop.identity.v1.WorkspaceService/CreateWorkspace': { status: 201 },
  'hop.identity.v1.WorkspaceService/CreateInvitation': { status: 201 },
  'hop.identity.v1.IdentityService/GetSigningKeys': {
    answerHeaders: { 'Cache-Control': cacheControl },
    content: () => ({
      'application/json': {
        schema: {
          type: 'object',
          description: 'A JWK set (RFC 7517).',
          required: ['keys'],
          properties: {
            keys: {
              type: 'array',
              items: {
                type: 'object',
                required: ['kty', 'kid', 'alg', 'use'],
                properties: Object.fromEntries(
                  ['kty', 'crv', 'x', 'y', 'kid', 'alg', 'use'].map((name) => [name, text]),
                ),
              },
            },
          },
        },
      },
    }),
  },
  'hop.link.v1.LinkService/CreateLink': {
    status: 201,
    requestHeaders: [
      {
        name: 'Idempotency-Key',
        in: 'header',
        description:
          'The first success of the same key and request from the same workspace is answered again for 24 h. Make a new one for every link, for example a UUID.',
        required: false,
        schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-~ ]+$' },
      },
    ],
    answerHeaders: {
      ...etag,
      Location: {
        description: 'The path of the link in this API.',
        schema: { type: 'string', format: 'uri-reference' },
      },
      'Idempotency-Replayed': { description: '`true` on an answer that is given again.', schema: { const: 'true' } },
    },
  },
  'hop.link.v1.LinkService/GetLink': { answerHeaders: etag },
  'hop.link.v1.LinkService/UpdateLink': { requestHeaders: [ifMatch], answerHeaders: etag },
  'hop.link.v1.LinkService/DeleteLink': { requestHeaders: [ifMatch] },
  'hop.link.v1.LinkService/UndeleteLink': { answerHeaders: etag },
  'hop.resolver.v1.ResolverService/Redirect': {
    summary: 'Follows a link.',
    description:
      'A query string does not keep a link from being followed, and is not passed on. With a `+` after the code: a page that says where the link leads; nothing is counted. A link with a limit (max_clicks) is answered with the redirect so many times: each GET takes one, HEAD and the `+` none, and programs that show links in chats get the page of the `+`. While nobody can say whether there is one left, the answer is 503. The error body is for clients that ask for `application/json`, the page for all others.',
    responses: () => ({
      200: { description: 'Where the link leads (only with a `+` after the code).', content: { 'text/html': page } },
      ...redirects,
      400: shown(refusal(400, ['MALFORMED_REQUEST'])),
      404: shown(refusal(404, ['LINK_NOT_FOUND', 'NOT_FOUND'])),
      410: shown(refusal(410, ['LINK_EXPIRED', 'LINK_DISABLED', 'LINK_USED_UP', 'LINK_DELETED'])),
      429: shown(refusal(429, ['RATE_LIMITED'])),
      503: shown(refusal(503, ['DEPENDENCY_UNAVAILABLE', 'OVERLOADED'])),
    }),
  },
  'hop.pages.v1.PagesService/GetReadiness': {
    summary: 'Says whether this installation can serve.',
    description: 'It can while links can be followed; whatever else does not work is named.',
    responses: (schemas) => ({
      200: { description: 'Links can be followed.', content: readiness(schemas) },
      503: {
        description: 'They cannot.',
        headers: { 'Retry-After': { $ref: '#/components/headers/Retry-After' } },
        content: {
          'application/json': {
            schema: { allOf: [errorContent['application/json'].schema, schemas.message(ReadinessSchema, 'answer')] },
          },
        },
      },
    }),
  },
};

/** What Envoy answers by itself. */
export const healthz = {
  path: '/healthz',
  summary: 'Says that the door is open.',
  description: 'Envoy answers by itself, whatever the state of the services; ask /readyz for that.',
  responses: { 200: { description: 'Envoy is up.', content: { 'text/plain': page } } },
} as const;
