import type { Rpc } from '#runtime/contract/contract.ts';
import { errorDomain } from '#runtime/errors/errors.ts';
import { isReason, type Reason, reasons } from '#runtime/errors/reasons.ts';
import type { Header, Response, Schema } from './openapi.ts';

/** The error responses of a call, by status. */
export type Refusals = Readonly<Record<string, Response>>;

/** The rate limit headers of a 429; successful responses have them too. */
export const rateLimitHeaders: Readonly<Record<string, Header>> = refer([
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
]);

/** The content of `components.headers`. */
export const headerComponents: Readonly<Record<string, Header>> = {
  'Retry-After': { description: 'After how many seconds to try again.', schema: { type: 'integer', minimum: 1 } },
  'WWW-Authenticate': { description: 'How to call instead: `Bearer`, and what was wrong.', schema: { type: 'string' } },
  'X-RateLimit-Limit': { description: 'How many calls the limit allows.', schema: { type: 'integer' } },
  'X-RateLimit-Remaining': { description: 'How many of them are left.', schema: { type: 'integer', minimum: 0 } },
  'X-RateLimit-Reset': {
    description: 'When they are all there again, in seconds since 1970.',
    schema: { type: 'integer' },
  },
};

/** The gRPC codes whose names are also reasons; in a comment they mean the code. */
const codes = new Set([
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'UNIMPLEMENTED',
  'INTERNAL',
  'DEADLINE_EXCEEDED',
]);

/** The reasons that the comment of a call names. */
export function ownReasons(comment: string): Reason[] {
  const words = comment.match(/\b[A-Z]+(?:_[A-Z]+)+\b/g) ?? [];
  return [...new Set(words)].filter((word) => !codes.has(word)).filter(isReason);
}

/** The reasons that a call shares with all others of its kind. */
export function sharedReasons(rpc: Pick<Rpc, 'anonymous' | 'scope'>, hasBody: boolean): Reason[] {
  return [
    'INVALID_ARGUMENT',
    'UNKNOWN_FIELD',
    'MALFORMED_REQUEST',
    ...(rpc.anonymous ? [] : (['CREDENTIALS_MISSING', 'CREDENTIALS_INVALID', 'CREDENTIALS_EXPIRED'] as const)),
    ...(rpc.scope === '' ? [] : (['SCOPE_MISSING', 'ROLE_MISSING'] as const)),
    ...(hasBody ? (['REQUEST_TOO_LARGE'] as const) : []),
    'RATE_LIMITED',
    'INTERNAL',
    'OVERLOADED',
    'DEPENDENCY_UNAVAILABLE',
    'DEADLINE_EXCEEDED',
  ];
}

/** A reason with more than one status is listed under the first one, unless the call itself names it. */
export function refusals(own: readonly Reason[], shared: readonly Reason[]): Refusals {
  const byStatus = new Map<number, Set<Reason>>();
  const add = (status: number, reason: Reason) => {
    byStatus.set(status, (byStatus.get(status) ?? new Set()).add(reason));
  };
  // 410 is only for following a link, never for a call.
  for (const reason of own) for (const status of notGone(reasons[reason].statuses)) add(status, reason);
  for (const reason of shared) add(reasons[reason].statuses[0] ?? 500, reason);
  const sorted = [...byStatus].sort(([a], [b]) => a - b);
  return {
    ...Object.fromEntries(sorted.map(([status, found]) => [String(status), refusal(status, [...found])])),
    default: { description: 'Any other error has the same body.', content: errorContent },
  };
}

export function refusal(status: number, found: readonly Reason[]): Response {
  const headers = {
    ...(status === 401 ? refer(['WWW-Authenticate']) : {}),
    ...(status === 429 || status === 503 ? refer(['Retry-After']) : {}),
    ...(status === 429 ? rateLimitHeaders : {}),
  };
  return {
    description: found.map((reason) => `\`${reason}\`: ${reasons[reason].sentence}`).join('\n\n'),
    ...(Object.keys(headers).length > 0 ? { headers } : {}),
    content: errorContent,
    'x-reasons': found,
  };
}

const notGone = (statuses: readonly number[]): readonly number[] => {
  const others = statuses.filter((status) => status !== 410);
  return others.length > 0 ? others : statuses;
};

function refer(names: readonly string[]): Readonly<Record<string, Header>> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

export const errorContent = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };

/** google.rpc.Status and the details that this API gives. */
export const errorSchemas: Readonly<Record<string, Schema>> = {
  Error: {
    type: 'object',
    description: 'What every refusal says (google.rpc.Status).',
    required: ['code', 'message', 'details'],
    properties: {
      code: { type: 'integer', format: 'int32', description: 'The gRPC code.' },
      message: { type: 'string', description: 'For people; it may change.' },
      details: {
        type: 'array',
        description: 'One ErrorInfo, and what else there is to say.',
        items: {
          oneOf: ['ErrorInfo', 'BadRequest', 'RetryInfo'].map((name) => ({ $ref: `#/components/schemas/${name}` })),
        },
      },
    },
  },
  ErrorInfo: detail('ErrorInfo', 'Why, for programs.', ['reason', 'domain'], {
    reason: {
      type: 'string',
      description: 'One of the reasons of this API; it never changes.',
      examples: ['ALIAS_TAKEN'],
    },
    domain: { const: errorDomain },
    metadata: { type: 'object', additionalProperties: { type: 'string' }, description: 'What the reason is about.' },
  }),
  BadRequest: detail('BadRequest', 'Which fields break which rules.', ['field_violations'], {
    field_violations: {
      type: 'array',
      description: 'At most 50.',
      items: {
        type: 'object',
        required: ['field', 'description'],
        properties: {
          field: { type: 'string', description: 'The path of the field, for example tags[2].' },
          description: { type: 'string', description: 'What is wrong with it.' },
        },
      },
    },
  }),
  RetryInfo: detail('RetryInfo', 'When to try again.', ['retry_delay'], {
    retry_delay: { type: 'string', pattern: '^[0-9]+(\\.[0-9]+)?s$', description: 'For example 1.500s.' },
  }),
};

function detail(
  name: string,
  description: string,
  required: readonly string[],
  properties: Readonly<Record<string, Schema>>,
): Schema {
  return {
    type: 'object',
    description,
    required: ['@type', ...required],
    properties: { '@type': { const: `type.googleapis.com/google.rpc.${name}` }, ...properties },
  };
}
