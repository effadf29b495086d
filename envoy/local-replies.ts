import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { ErrorInfoSchema, RetryInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { type Status, StatusSchema } from '#gen-google/rpc/status_pb.ts';
import { errorDomain } from '#runtime/errors/errors.ts';
import type { Reason } from '#runtime/errors/reasons.ts';
import { statusInBase64 } from '#runtime/http/error-body.ts';
import { pageType, simplePage } from '#runtime/http/page.ts';
import { defaultHeader, notStored, setHeader } from './headers.ts';
import type { JsonObject } from './json.ts';

interface Reply {
  readonly status: number;
  /** google.rpc.Code */
  readonly code: number;
  readonly reason: Reason;
  readonly message: string;
  /** Sent as Retry-After, unless the filter that refused sets another time. */
  readonly retryAfterSeconds?: number;
  /** What a gRPC client gets, where that differs. */
  readonly grpc?: Partial<Pick<Reply, 'code' | 'reason' | 'message'>>;
}

const away = {
  code: 14,
  reason: 'DEPENDENCY_UNAVAILABLE',
  message: 'A part that the call needs does not answer.',
  retryAfterSeconds: 1,
} as const;

const overloaded = {
  status: 503,
  code: 14,
  reason: 'OVERLOADED',
  message: 'More is asked than can be answered; try again.',
  retryAfterSeconds: 1,
} as const;

/**
 * The status of the filter that limits redirects in flight (filters.ts), used by nothing else, because the filter has no response flag.
 * Clients get `overloaded`.
 */
export const tooManyInFlight = 507;

/** Too large for Envoy's limit, or for that of the credential check. */
const tooManyHeaders: Reply = {
  status: 431,
  code: 3,
  reason: 'REQUEST_TOO_LARGE',
  message: 'The headers are too many, or larger than 60 KiB.',
  grpc: { code: 8 },
};

/** Envoy's own answers. Its built-in texts ("upstream connect error …") are never sent. */
const replies: readonly Reply[] = [
  { status: 400, code: 3, reason: 'MALFORMED_REQUEST', message: 'The request is not what the call takes.' },
  { status: 401, code: 16, reason: 'CREDENTIALS_INVALID', message: 'The credentials are not valid.' },
  // Not missing permissions, which gateway-access reports itself, but a scheme or an upgrade that this listener does not support.
  { status: 403, code: 3, reason: 'MALFORMED_REQUEST', message: 'The request is not for this door.' },
  {
    status: 404,
    code: 5,
    reason: 'NOT_FOUND',
    message: 'There is nothing at this path.',
    grpc: { code: 12, reason: 'UNIMPLEMENTED', message: 'There is no such call.' },
  },
  { status: 405, code: 12, reason: 'METHOD_NOT_ALLOWED', message: 'The path exists, but not with this method.' },
  { status: 408, code: 4, reason: 'DEADLINE_EXCEEDED', message: 'The request did not arrive in time.' },
  {
    status: 413,
    code: 3,
    reason: 'REQUEST_TOO_LARGE',
    message: 'The body is larger than 1 MiB.',
    grpc: { code: 8 },
  },
  { status: 415, code: 3, reason: 'MALFORMED_REQUEST', message: 'The request could not be read.' },
  { status: 429, code: 8, reason: 'RATE_LIMITED', message: 'Too many requests.', retryAfterSeconds: 1 },
  tooManyHeaders,
  { status: 500, code: 13, reason: 'INTERNAL', message: 'An internal error occurred.' },
  {
    status: 501,
    code: 3,
    reason: 'MALFORMED_REQUEST',
    message: 'A transfer encoding other than chunked is not taken.',
  },
  { status: 502, ...away },
  { status: 503, ...away },
  {
    status: 504,
    code: 14,
    reason: 'DEADLINE_EXCEEDED',
    message: 'The answer was not ready in time.',
    retryAfterSeconds: 1,
    // Envoy does not say whether the timeout was ours or the caller's.
    grpc: { code: 4 },
  },
];

/** For the body of a GET that is not dropped: a chunked one (filters.ts), or one larger than a connection's buffer. */
const bodyOfGet: Reply = {
  status: 413,
  code: 3,
  reason: 'MALFORMED_REQUEST',
  message: 'A GET or a HEAD takes no body.',
};

/** What Envoy's parser refused. It gives no details, so this names the most likely causes. */
const unreadable: Reply = {
  status: 400,
  code: 3,
  reason: 'MALFORMED_REQUEST',
  message:
    'The request is not HTTP. It has a registered method, one Host, and a path and a query in ASCII, with all else in them percent-encoded.',
};

/**
 * The HTTP status that is sent, where it differs: 403 is not about permissions, 415 would only confuse a browser, 501 is no fault of ours,
 * and a service that times out is treated as down.
 */
const statusOf: Readonly<Record<number, number>> = { 403: 400, 415: 400, 501: 400, 502: 503, 504: 503 };

/**
 * In order: what gateway-access answered is passed on unchanged; a gRPC client gets a grpc-status with its details; a browser a small page;
 * everyone else the error body of the API.
 */
export function localReplies(): JsonObject {
  return {
    mappers: [
      // A hot redirect: first, so that it need not be matched against fifty filters only to stay as it is.
      { filter: compared('LE', 399), body_format_override: asItIs },
      ...overload(),
      grpcReply({ ...tooManyHeaders, ...tooManyHeaders.grpc }, both(overfull, grpc)),
      { ...spoken(tooManyHeaders), filter: overfull, body_format_override: errorBody(tooManyHeaders) },
      { filter: both(fromGateway, answered), body_format_override: asItIs },
      { filter: header({ name: 'x-hop-refused', present_match: true }), body_format_override: asItIs },
      {
        filter: both(isGet, status(bodyOfGet.status)),
        ...spoken({ ...bodyOfGet, status: 400 }),
        body_format_override: errorBody(bodyOfGet),
      },
      {
        ...spoken(unreadable),
        filter: both(noRequest, status(unreadable.status)),
        body_format_override: errorBody(unreadable),
      },
      ...replies.map((reply) => grpcReply({ ...reply, ...reply.grpc }, both(grpc, status(reply.status)))),
      ...replies.map((reply) => ({
        ...spoken(reply),
        filter: both(browser, notApi, status(reply.status)),
        body_format_override: page(reply),
      })),
      ...replies.map((reply) => ({
        ...spoken(reply),
        filter: status(reply.status),
        body_format_override: errorBody(reply),
      })),
      {
        filter: atLeast(500),
        body_format_override: errorBody({ code: 13, reason: 'INTERNAL', message: 'An internal error occurred.' }),
      },
      {
        filter: atLeast(400),
        body_format_override: errorBody({
          code: 3,
          reason: 'MALFORMED_REQUEST',
          message: 'The request is not one that is answered here.',
        }),
      },
    ],
    body_format: asItIs,
  };
}

/** Shedding has to be cheap, so it comes before the many. */
function overload(): JsonObject[] {
  return [
    grpcReply(overloaded, both(shed, grpc)),
    { ...spoken(overloaded), filter: both(shed, browser, notApi), body_format_override: page(overloaded) },
    { ...spoken(overloaded), filter: shed, body_format_override: errorBody(overloaded) },
  ];
}

/** The status and the headers of a reply to REST and to browsers. */
function spoken(reply: Reply): JsonObject {
  return { status_code: statusOf[reply.status] ?? reply.status, headers_to_add: [...retryAfter(reply), notStored] };
}

const retryAfter = ({ retryAfterSeconds }: Reply): JsonObject[] =>
  retryAfterSeconds === undefined ? [] : [defaultHeader('retry-after', String(retryAfterSeconds))];

/**
 * A trailers-only answer. For native gRPC Envoy sets the content type. For gRPC-Web this one makes the grpc_web filter, where it is on,
 * leave the answer alone; any other it would replace by a less specific status without details.
 */
function grpcReply(reply: Reply, filter: JsonObject): JsonObject {
  const headers = {
    'grpc-status': String(reply.code),
    'grpc-message': reply.message,
    'grpc-status-details-bin': statusInBase64(statusOfReply(reply)),
  };
  const added = Object.entries(headers).map(([key, value]) => setHeader(key, value));
  return {
    filter,
    status_code: 200,
    headers_to_add: [...retryAfter(reply), ...added],
    body_format_override: { content_type: 'application/grpc-web+proto', text_format_source: { inline_string: '' } },
  };
}

function statusOfReply({ status, code, reason, message, retryAfterSeconds }: Reply): Status {
  const details = [anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason, domain: errorDomain }))];
  // Only the header tells how long a limit lasts: the base64 details are the same for everyone.
  if (retryAfterSeconds !== undefined && status !== 429) {
    const retryDelay = { seconds: BigInt(retryAfterSeconds) };
    details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay })));
  }
  return create(StatusSchema, { code, message, details });
}

function errorBody(reply: Omit<Reply, 'status' | 'grpc'>): JsonObject {
  const { code, reason, message, retryAfterSeconds } = reply;
  const details: JsonObject[] = [
    { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: errorDomain, metadata: {} },
  ];
  if (retryAfterSeconds !== undefined)
    details.push({ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retry_delay: '%RESP(retry-after)%s' });
  return { content_type: 'application/json', json_format: { code, message, details } };
}

/** For somebody who followed a link or typed an address, to whom the words of the API say little: those stand at the foot. */
function page({ status, message }: Reply): JsonObject {
  const sent = statusOf[status] ?? status;
  const html = simplePage(...pageWords(sent), `Error ${sent}. ${message}`);
  // In this format a percent sign begins what Envoy fills in, and the style has some.
  return { content_type: pageType, text_format_source: { inline_string: html.replaceAll('%', '%%') } };
}

function pageWords(status: number): readonly [heading: string, text: string] {
  if (status >= 500)
    return ['This page cannot be shown right now.', 'The fault is ours. Please try again in a moment.'];
  if (status === 429) return ['Too many requests.', 'Your network has asked too often. Please try again in a moment.'];
  return [
    'This request cannot be answered.',
    'If you followed a short link, check it for a missing or a changed character.',
  ];
}

const asItIs: JsonObject = { text_format_source: { inline_string: '%LOCAL_REPLY_BODY%' } };

const compared = (op: 'EQ' | 'GE' | 'LE' | 'NE', value: number): JsonObject => ({
  // The key is required, and never set.
  status_code_filter: { comparison: { op, value: { default_value: value, runtime_key: 'door.unused' } } },
});
const status = (value: number): JsonObject => compared('EQ', value);
const atLeast = (value: number): JsonObject => compared('GE', value);
const header = (matcher: JsonObject): JsonObject => ({ header_filter: { header: matcher } });
const both = (...filters: JsonObject[]): JsonObject => ({ and_filter: { filters } });
/** Refused or failed at the credential check. If gateway-access gave no answer, it is 502 (filters.ts). */
const fromGateway: JsonObject = { response_flag_filter: { flags: ['UAEX'] } };
/** Too much in flight to a service, or too little memory left. */
const shed: JsonObject = {
  or_filter: { filters: [status(tooManyInFlight), { response_flag_filter: { flags: ['UO', 'OM'] } }] },
};
const answered = compared('NE', 502);
/**
 * The client's headers fit, but not together with what Envoy and gateway-access add: the credential check answers 500, without a body. A
 * 500 of gateway-access itself is marked as such (gateway/access/authz/denied.ts).
 */
const overfull = both(fromGateway, status(500), {
  metadata_filter: {
    matcher: {
      filter: 'envoy.filters.http.ext_authz',
      path: [{ key: 'answered' }],
      value: { bool_match: false },
    },
    match_if_key_not_found: true,
  },
});
/** A call that came as gRPC. One that the transcoder turned into gRPC has its original path. */
const grpc = both(
  header({ name: 'content-type', string_match: { prefix: 'application/grpc', ignore_case: true } }),
  header({ name: 'x-envoy-original-path', present_match: false }),
);
/** Nothing of the request was read. */
const noRequest = header({ name: ':method', present_match: false });
/** Before the transcoder, which turns it into a POST, and after it. */
const isGet: JsonObject = {
  or_filter: {
    filters: [':method', 'x-envoy-original-method'].map((name) =>
      header({ name, string_match: { safe_regex: { regex: 'GET|HEAD' } } }),
    ),
  },
};
const browser = header({ name: 'accept', string_match: { contains: 'text/html' } });
/** Before the transcoder there is no original path, and that is not the API either. */
const notApi = both(
  ...[':path', 'x-envoy-original-path'].map((name) =>
    header({ name, string_match: { prefix: '/api/' }, invert_match: true, treat_missing_header_as_empty: true }),
  ),
);
