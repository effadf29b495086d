import type { Binding, Rpc } from '#runtime/contract/contract.ts';
import { type JsonObject, typed } from '../json.ts';
import { rateLimitsOf } from '../rate-limits.ts';
import { callName } from '../request-shape.ts';

/**
 * The names of the HTTP filters. All but the check of credentials stand in the chain switched off, and a route switches on
 * what it needs; a route that anybody may use switches the check off. So a route that was forgotten is closed.
 */
export const filter = {
  inFlight: 'in-flight',
  compressor: 'compressor',
  grpcWeb: 'grpc-web',
  authorize: 'envoy.filters.http.ext_authz',
  hygiene: 'hygiene',
  script: 'script',
  body: 'body',
  transcodeApi: 'transcode-api',
} as const;

/** Each service that Envoy itself calls has a transcoder of its own, so that a path of one is never taken for the other's. */
export const edgeTranscoder = (service: string): string => `transcode ${service}`;

const on = typed('envoy.config.route.v3.FilterConfig', { config: {} });
const off = typed('envoy.config.route.v3.FilterConfig', { disabled: true });

/** Envoy answers by itself. */
export const ownFilters: JsonObject = { [filter.authorize]: off };

/** The scripts of lua/, by what they are for. */
export type Script = 'api' | 'page' | 'redirect' | 'careful-redirect';

/** A redirect or a page: no credentials, a lenient transcoder, and the HTTP status out of the metadata. */
export function edgeFilters(rpc: Rpc, { verb }: Binding, name: Exclude<Script, 'api'>): JsonObject {
  return {
    [filter.authorize]: off,
    ...(name === 'page' ? {} : { [filter.inFlight]: on }),
    // A redirect has no body worth the work; the answer to a HEAD has none, and would be said to be compressed.
    ...(name === 'page' && verb !== 'HEAD' ? { [filter.compressor]: on } : {}),
    [filter.hygiene]: on,
    [filter.script]: script(name, verb === 'HEAD' ? { length: 'kept' } : undefined),
    [edgeTranscoder(rpc.service)]: on,
  };
}

/** A REST call of the API. One by HEAD is made as by GET; its answer has no body, and would be said to be compressed. */
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

/** A gRPC or gRPC-Web call: nothing touches its answer. */
export function grpcFilters(rpc: Rpc): JsonObject {
  return { ...rateLimitsOf(rpc), [filter.authorize]: authorize(rpc), [filter.grpcWeb]: on };
}

/** Tells gateway-access which RPC it is asked about; the request cannot. */
function authorize(rpc: Rpc): JsonObject {
  return typed('envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute', {
    check_settings: {
      context_extensions: {
        rpc: rpc.name,
        anonymous: String(rpc.anonymous),
        ...(rpc.sessionCookie ? { session_cookie: 'true' } : {}),
      },
    },
  });
}
