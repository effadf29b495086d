import type { Binding, Rpc } from '#runtime/contract/contract.ts';
import { type JsonObject, typed } from '../json.ts';
import { limits } from '../limits.ts';
import { hasOwnLimit, rateLimitsOf } from '../rate-limits.ts';
import { callName } from '../request-shape.ts';

/**
 * The names of the HTTP filters. All but the credential check are disabled in the chain, and a route enables what it needs; a route that
 * anybody may use disables the check. So a forgotten route is closed.
 */
export const filter = {
  whole: 'whole',
  inFlight: 'in-flight',
  compressor: 'compressor',
  grpcWeb: 'grpc-web',
  authorize: 'envoy.filters.http.ext_authz',
  hygiene: 'hygiene',
  script: 'script',
  body: 'body',
  transcodeApi: 'transcode-api',
} as const;

/** Each service that Envoy itself calls has its own transcoder, so that a path of one is never taken for another's. */
export const edgeTranscoder = (service: string): string => `transcode ${service}`;

const on = typed('envoy.config.route.v3.FilterConfig', { config: {} });
const off = typed('envoy.config.route.v3.FilterConfig', { disabled: true });

/** Envoy answers by itself; a client of gRPC-Web gets the content type of its protocol. */
export const ownFilters: JsonObject = { [filter.authorize]: off, [filter.grpcWeb]: on };

/** The scripts of lua/, by purpose. */
export type Script = 'api' | 'session' | 'page' | 'redirect' | 'careful-redirect';

/** A redirect or a page: no credentials, a lenient transcoder, and the HTTP status taken from the metadata. */
export function edgeFilters(rpc: Rpc, { verb }: Binding, name: Exclude<Script, 'api' | 'session'>): JsonObject {
  return {
    [filter.authorize]: off,
    ...(name === 'page' ? {} : { [filter.whole]: on, [filter.inFlight]: on }),
    // A redirect's body is not worth compressing; the answer to a HEAD has none, and would be labelled as compressed.
    ...(name === 'page' && verb !== 'HEAD' ? { [filter.compressor]: on } : {}),
    [filter.hygiene]: on,
    [filter.script]: script(name, verb === 'HEAD' ? { length: 'kept' } : undefined),
    [edgeTranscoder(rpc.service)]: on,
  };
}

/** A REST call of the API. A HEAD is handled like a GET; its answer has no body, and would be labelled as compressed. */
export function apiFilters(rpc: Rpc, binding: Binding): JsonObject {
  const isHead = binding.verb === 'HEAD';
  const call = callName(isHead ? { ...binding, verb: 'GET' } : binding);
  return {
    ...rateLimitsOf(rpc),
    [filter.authorize]: authorize(rpc),
    ...(isHead ? {} : { [filter.compressor]: on }),
    [filter.hygiene]: on,
    [filter.body]: on,
    [filter.script]: script('api', { call, ...(isHead ? { head: 'true' } : {}) }),
    [filter.transcodeApi]: on,
  };
}

function script(name: Script, context?: JsonObject): JsonObject {
  return typed('envoy.extensions.filters.http.lua.v3.LuaPerRoute', {
    name,
    ...(context ? { filter_context: context } : {}),
  });
}

/** The length that gRPC writes before each message. */
const prefixBytes = 5;

/**
 * A gRPC or gRPC-Web call: nothing modifies its answer. Its request, always one message (runtime/contract/contract.ts), is held until it is
 * whole: otherwise requests that their clients never end would take all the places of a service.
 */
export function grpcFilters(rpc: Rpc): JsonObject {
  return {
    ...rateLimitsOf(rpc),
    [filter.authorize]: authorize(rpc),
    [filter.grpcWeb]: on,
    [filter.body]: typed('envoy.extensions.filters.http.buffer.v3.BufferPerRoute', {
      buffer: { max_request_bytes: limits.bodyBytes + prefixBytes },
    }),
    ...(rpc.sessionCookie ? { [filter.script]: script('session') } : {}),
  };
}

/** Tells gateway-access which RPC it is asked about; the request itself cannot. */
function authorize(rpc: Rpc): JsonObject {
  return typed('envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute', {
    check_settings: {
      context_extensions: {
        rpc: rpc.name,
        anonymous: String(rpc.anonymous),
        ...(rpc.sessionCookie ? { session_cookie: 'true' } : {}),
        ...(hasOwnLimit(rpc) ? { own_limit: 'true' } : {}),
      },
    },
  });
}
