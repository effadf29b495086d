import { readFileSync } from 'node:fs';
import { Exposure } from '#gen/options/v1/access_pb.ts';
import type { Rpc } from '#runtime/contract/contract.ts';
import { extension, type JsonObject } from './json.ts';
import { limits } from './limits.ts';
import { tooManyInFlight } from './local-replies.ts';
import type { RateLimitFilters } from './rate-limits.ts';
import { callShapesLua } from './request-shape.ts';
import { ownCallRetries } from './routes/retries.ts';
import { edgeTranscoder, filter, type Script } from './routes/route-filters.ts';
import type { DoorName } from './settings.ts';

const filters = 'envoy.extensions.filters.http';

/** The HTTP filters in order; README.md, "The filters", explains the order. */
export function httpFilters(rpcs: readonly Rpc[], descriptorPath: string, rateLimits: RateLimitFilters): JsonObject[] {
  const edge = rpcs.filter((rpc) => rpc.exposure === Exposure.EDGE);
  const api = rpcs.filter((rpc) => rpc.exposure === Exposure.PUBLIC && rpc.bindings.length > 0);
  return [
    optIn(wholeRequests()),
    optIn(redirectsInFlight()),
    optIn(compressor()),
    optIn(extension(filter.grpcWeb, `${filters}.grpc_web.v3.GrpcWeb`)),
    ...rateLimits.byAddress.map(optIn),
    authorize(),
    ...rateLimits.byCaller.map(optIn),
    optIn(hygiene()),
    optIn(extension(filter.body, `${filters}.buffer.v3.Buffer`, { max_request_bytes: limits.bodyBytes })),
    optIn(script(api, edge)),
    ...servicesOf(edge).map((service) => optIn(edgeTranscoding(service, edge, descriptorPath))),
    optIn(transcoder(filter.transcodeApi, servicesOf(api), descriptorPath, strict)),
    extension('router', `${filters}.router.v3.Router`, { suppress_envoy_headers: true }),
  ];
}

const servicesOf = (rpcs: readonly Rpc[]): string[] => [...new Set(rpcs.map((rpc) => rpc.service))].sort();

const optIn = (entry: JsonObject): JsonObject => ({ ...entry, disabled: true });

/**
 * Holds a redirect until its request is whole, so that one that its client never ends takes no place among those in flight. A request
 * without a body, as nearly every one is, passes at once.
 */
function wholeRequests(): JsonObject {
  return extension(filter.whole, `${filters}.buffer.v3.Buffer`, { max_request_bytes: limits.connectionBufferBytes });
}

/**
 * A limit on redirects in flight that refuses the next one before any work is done for it, at half of what a refusal by the cluster's
 * breaker costs Envoy (docs/decisions/0013-overload.md). The filter can adapt its limit; here minimum and maximum are the same, so it stays
 * fixed.
 */
function redirectsInFlight(): JsonObject {
  const bound = limits.redirectsInFlight;
  return extension(filter.inFlight, `${filters}.adaptive_concurrency.v3.AdaptiveConcurrency`, {
    gradient_controller_config: {
      concurrency_limit_params: { max_concurrency_limit: bound, concurrency_update_interval: '10s' },
      min_rtt_calc_params: { fixed_value: `${limits.redirectMs / 1000}s`, min_concurrency: bound },
    },
    concurrency_limit_exceeded_status: { code: tooManyInFlight },
  });
}

/**
 * A link is followed whatever its query says, and no parameter can replace the path. Nor can a body: the scripts drop one whose length is
 * announced; in a chunked one, which a route cannot detect, no known field is accepted.
 */
function edgeTranscoding(service: string, edge: readonly Rpc[], descriptorPath: string): JsonObject {
  return transcoder(edgeTranscoder(service), [service], descriptorPath, {
    max_request_body_size: 1,
    ignore_unknown_query_parameters: true,
    ignored_query_parameters: fieldNames(edge.filter((rpc) => rpc.service === service)),
  });
}

/** The fields of these calls' requests, as a query can name them. */
function fieldNames(rpcs: readonly Rpc[]): string[] {
  const fields = rpcs.flatMap(({ request }) => request.fields.flatMap(({ name, jsonName }) => [name, jsonName]));
  return [...new Set(fields)].sort();
}

const strict: JsonObject = {
  request_validation_options: {
    reject_unknown_method: true,
    reject_unknown_query_parameters: true,
    reject_binding_body_field_collisions: true,
  },
};

function transcoder(
  name: string,
  services: readonly string[],
  descriptorPath: string,
  options: JsonObject,
): JsonObject {
  return extension(name, `${filters}.grpc_json_transcoder.v3.GrpcJsonTranscoder`, {
    proto_descriptor: descriptorPath,
    services,
    convert_grpc_status: true,
    match_incoming_request_route: true,
    query_param_unescape_plus: true,
    print_options: { preserve_proto_field_names: true, always_print_primitive_fields: true },
    max_request_body_size: limits.bodyBytes,
    max_response_body_size: limits.answerBytes,
    ...options,
  });
}

/**
 * Asks gateway-access who the caller is. It gets the headers that it needs, never the body. When it is unavailable, the status is one that
 * it never returns itself: local-replies.ts turns that into 503.
 */
function authorize(): JsonObject {
  const who = ['authorization', 'user-agent', 'x-envoy-external-address'];
  const seen = [...who, 'content-type', 'x-request-id', 'traceparent', 'te'];
  return extension(filter.authorize, `${filters}.ext_authz.v3.ExtAuthz`, {
    transport_api_version: 'V3',
    grpc_service: {
      envoy_grpc: { cluster_name: 'gateway-access' },
      timeout: `${limits.authorizeMs / 1000}s`,
      retry_policy: ownCallRetries('read', limits.authorizeMs),
    },
    failure_mode_allow: false,
    status_on_error: { code: 'BadGateway' },
    clear_route_cache: false,
    validate_mutations: true,
    allowed_headers: { patterns: seen.map((exact) => ({ exact })) },
  });
}

/** REST answers show no trace of gRPC, nor do their trailers, which HTTP/2 has when the transcoder passes on an answer without a body. */
function hygiene(): JsonObject {
  const names = ['grpc-status', 'grpc-message', 'grpc-status-details-bin', 'grpc-encoding', 'grpc-accept-encoding'];
  return extension(filter.hygiene, `${filters}.header_mutation.v3.HeaderMutation`, {
    mutations: {
      response_mutations: names.map((remove) => ({ remove })),
      response_trailers_mutations: names.map((remove) => ({ remove })),
    },
  });
}

/** Validates API requests, hides parts of a query from the transcoder and cookies from a service, and adapts answers. */
function script(api: readonly Rpc[], edge: readonly Rpc[]): JsonObject {
  const source = (name: string): string => readFileSync(new URL(`lua/${name}.lua`, import.meta.url), 'utf8');
  const inline = (...parts: string[]): JsonObject => ({ inline_string: parts.join('\n') });
  const fields = fieldNames(edge).map((name) => `["${name}"] = true`);
  const careful = `local taken = { ${fields.join(', ')} }\n${source('query')}`;
  const scripts: Record<Script, JsonObject> = {
    api: inline(callShapesLua(api), ...['body', 'cookie', 'request', 'status', 'length', 'answer'].map(source)),
    page: inline(source('body'), careful, source('status'), source('length'), source('answer')),
    redirect: inline(source('status'), source('length'), source('redirect')),
    session: inline(source('cookie'), source('session')),
    'careful-redirect': inline(source('body'), careful, source('status'), source('length'), source('redirect')),
  };
  // What a script changes in a request leads to no other route: the selected one stays.
  return extension(filter.script, `${filters}.lua.v3.Lua`, { source_codes: scripts, clear_route_cache: false });
}

function compressor(): JsonObject {
  return extension(filter.compressor, `${filters}.compressor.v3.Compressor`, {
    response_direction_config: {
      common_config: { min_content_length: 1024 },
      disable_on_etag_header: true,
    },
    compressor_library: extension('gzip', 'envoy.extensions.compression.gzip.compressor.v3.Gzip', {
      compression_level: 'COMPRESSION_LEVEL_3',
      memory_level: 5,
      window_bits: 12,
    }),
  });
}

/**
 * Headers that a client may not set, removed before anything reads them: those that Envoy and the mesh exchange, the client's claims about
 * its address, and the trace that it would like to join.
 */
export function fromOutside(door: DoorName, trustedProxies: number): JsonObject[] {
  const exact = [
    'x-request-id',
    'x-status',
    'x-client-trace-id',
    'x-ot-span-context',
    'x-original-url',
    'x-rewrite-url',
    'x-http-method-override',
    'traceparent',
    'tracestate',
    'baggage',
    ...(trustedProxies === 0 ? ['x-forwarded-for', 'x-forwarded-proto', 'forwarded', 'x-real-ip'] : []),
  ];
  const prefixes = ['x-hop-', 'x-envoy-', 'x-b3-', ...(trustedProxies === 0 ? ['x-forwarded-'] : [])];
  return [
    extension('from-outside', 'envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation', {
      mutations: [
        ...exact.map((remove) => ({ remove })),
        ...prefixes.map((prefix) => ({ remove_on_match: { key_matcher: { prefix } } })),
        ...(trustedProxies === 0 ? [] : [plainAddress(trustedProxies)]),
        ...(door === 'public' ? [neverUnpacked] : []),
      ],
    }),
  ];
}

/**
 * A compressed message may be a thousandth of what it unpacks to, and Envoy bounds only what is sent. With an encoding that no service knows,
 * a message that is not compressed is read, and one that is compressed is refused.
 */
const neverUnpacked: JsonObject = {
  append: { header: { key: 'grpc-encoding', value: 'not-taken' }, append_action: 'OVERWRITE_IF_EXISTS' },
};

/**
 * Some proxies name a client in a way that Envoy does not understand, or not as they mean it, so it is rewritten before Envoy reads it. With
 * a port (192.0.2.7:1234, [2001:db8::7]:1234) all clients would be taken for the proxy itself. As ::ffff:192.0.2.7, which a proxy writes that
 * listens on IPv6 and IPv4 with one socket, all would be one by /64. Either way all of them would share one limit.
 */
function plainAddress(trustedProxies: number): JsonObject {
  const key = 'x-forwarded-for';
  const named = `request.headers["${key}"]`;
  const mapped = '::[fF]{4}:([0-9.]+)';
  const forms = `${mapped}|([0-9.]+):[0-9]+|[[](?:${mapped}|([0-9a-fA-F:.]+))[]](?::[0-9]+)?`;
  // Printable ASCII without the comma: with [^,], which is any of Unicode, Envoy finds the pattern too long where many proxies are trusted.
  const trusted = ` *(?:,[ -+.-~-]*){${trustedProxies - 1}}`;
  const client = `"(?:^|[ ,])(?:${forms})(${trusted})$"`;
  // The client's address in whichever form, and what comes after it. What comes before it was written by nobody who is trusted, may be any
  // bytes, and is left out.
  const rewritten = `"${[1, 2, 3, 4, 5].map((group) => `\\\\${group}`).join('')}"`;
  const value = `%CEL(${named}.matches(${client}) ? re.extract(${named}, ${client}, ${rewritten}) : ${named})%`;
  return { append: { header: { key, value }, append_action: 'OVERWRITE_IF_EXISTS' } };
}
