import { Exposure } from '#gen/options/v1/access_pb.ts';
import type { Binding, Rpc } from '#runtime/contract/contract.ts';
import { exactPath, isExact, type PathTemplate, pathPattern } from '#runtime/contract/path-template.ts';
import type { ClusterName } from '../clusters.ts';
import { notStored, setHeader } from '../headers.ts';
import type { JsonObject } from '../json.ts';
import { limits } from '../limits.ts';
import { healthPath, type RestRoute, sortedRest, takesEverything } from './rest-order.ts';
import { assetRetries, readinessRetries, retryPolicy } from './retries.ts';
import { apiFilters, edgeFilters, grpcFilters, ownFilters } from './route-filters.ts';
import { codeSegment, host, malformedPath, malformedQuery, plainQuery } from './url-syntax.ts';

/** The listener that a route table is for. */
export interface Door {
  /** Serves the RPCs that only teams may call (internal_listener). */
  readonly teams: boolean;
  /** Serves the API: REST, gRPC, gRPC-Web. */
  readonly api: boolean;
  /** Serves redirects. */
  readonly links: boolean;
}

/** The services and the cluster of each. A service with routes that is missing here fails the build. */
const upstreamOf: Readonly<Record<string, ClusterName>> = {
  'hop.link.v1.LinkService': 'link',
  'hop.resolver.v1.ResolverService': 'resolver',
  'hop.identity.v1.IdentityService': 'identity',
  'hop.identity.v1.WorkspaceService': 'identity',
  'hop.analytics.v1.AnalyticsService': 'analytics',
  'hop.pages.v1.PagesService': 'pages',
  'hop.status.v1.StatusService': 'gateway-access',
};

/** Requested by those who need to know quickly when something hangs. */
const readiness = 'hop.pages.v1.PagesService/GetReadiness';

/**
 * The routes of a listener in the order in which Envoy tries them. The first match wins, so the order is part of the contract: README.md,
 * "The routes", explains it.
 */
export function buildRoutes(rpcs: readonly Rpc[], door: Door): JsonObject[] {
  const served = rpcs.filter((rpc) => isServed(rpc, door));
  const rest = sortedRest(served);
  const isApi = (route: RestRoute): boolean => route.rpc.exposure !== Exposure.EDGE || isBelowApi(route);
  const [api, edge] = [rest.filter(isApi), rest.filter((route) => !isApi(route))];
  const [early, late] = [edge.filter(standsEarly), edge.filter((route) => !standsEarly(route))];
  return [
    refusal('malformed-host', { prefix: '/', headers: [malformedHost] }, 400),
    ...health(),
    // The dashboard needs the API on its own host, and a short domain serves only links.
    ...(door.api ? [] : [refusal('no-dashboard', { path_separated_prefix: '/app', headers: notGrpc }, 404)]),
    ...restRoutes(early, notGrpc),
    ...served.filter((rpc) => rpc.exposure !== Exposure.EDGE).map(grpcRoute),
    refusal('grpc-unlisted', { prefix: '/', headers: [isGrpc] }, 404),
    refusal('malformed-path', { prefix: '/', headers: [{ ...malformedPath }] }, 400),
    refusal('malformed-query', { prefix: apiPrefix, headers: [{ ...malformedQuery }] }, 400),
    ...restRoutes(door.api ? api : [], []),
    refusal('api-unknown', { prefix: apiPrefix }, 404),
    refusal('call-unlisted', { safe_regex: { regex: callShape } }, 404),
    ...restRoutes(late, []),
    refusal('unknown', { prefix: '/' }, 404),
  ];
}

/** `/package.Service/Method`, whatever its content type. */
const callShape = '/[A-Za-z_][A-Za-z0-9_]*(?:\\.[A-Za-z0-9_]+)+/[A-Za-z0-9_]+/?';
const isGrpc = { name: 'content-type', string_match: { prefix: 'application/grpc', ignore_case: true } };
/** Services know the type by this spelling alone, and answer any other 415, without a body. */
const isCall = { name: 'content-type', string_match: { prefix: 'application/grpc' } };
const notGrpc = [{ ...isGrpc, invert_match: true, treat_missing_header_as_empty: true }];

/**
 * Not exactly one host with an optional port: none, several Host headers (Envoy joins them with commas), or user information. Envoy accepts
 * these over HTTP/1, but a service's HTTP/2 accepts neither an empty host nor an `@`, and after some of them closes the connection with
 * everybody's calls on it.
 */
const malformedHost = {
  name: ':authority',
  string_match: { safe_regex: { regex: host } },
  invert_match: true,
  treat_missing_header_as_empty: true,
};

const apiPrefix = '/api/';

/** The files of the dashboard (gateway/access/pages/dashboard.ts). */
const assetsPrefix = '/app/assets/';

/** A page about the API: it is routed with the calls, and only where they are served. */
const isBelowApi = ({ binding: { path } }: RestRoute): boolean =>
  isExact(path) && exactPath(path).startsWith(apiPrefix);

/** Whether a listener has routes for an RPC. */
function isServed(rpc: Rpc, door: Door): boolean {
  if (rpc.exposure === Exposure.PUBLIC) return door.api;
  if (rpc.exposure === Exposure.INTERNAL) return door.teams && rpc.internalListener;
  return isPage(rpc) || door.links;
}

/** The redirect, and before it the paths that it would take for a code. */
function standsEarly({ rpc, binding: { path } }: RestRoute): boolean {
  if (isExact(path)) return new RegExp(`^/${codeSegment}$`).test(exactPath(path));
  return !isPage(rpc);
}

/** Pages are served on every listener that people use; only a redirect's path is a code. */
const isPage = (rpc: Rpc): boolean => upstreamOf[rpc.service] !== 'resolver';

/** The routes of each path, followed by the 405 for every other method. */
function restRoutes(routes: readonly RestRoute[], guards: readonly JsonObject[]): JsonObject[] {
  const paths = new Map<string, RestRoute[]>();
  for (const route of routes) {
    const key = pathPattern(route.binding.path);
    paths.set(key, [...(paths.get(key) ?? []), route]);
  }
  return [...paths.values()].flatMap((group) => [
    ...group.flatMap((route) => restRoute(route, guards)),
    notAllowed(group, guards),
  ]);
}

function restRoute({ rpc, binding }: RestRoute, guards: readonly JsonObject[]): JsonObject[] {
  const edge = rpc.exposure === Exposure.EDGE;
  const method = { name: ':method', string_match: { exact: binding.verb } };
  const { deadlineMs, timeoutMs } = timesOf(rpc);
  const action = {
    cluster: clusterOf(rpc),
    timeout: milliseconds(timeoutMs),
    retry_policy: retriesOf(rpc, binding),
  };
  const route: JsonObject = {
    name: rpc.name,
    match: { ...pathMatch(rpc, binding.path), headers: [method, ...guards] },
    route: action,
    request_headers_to_add: [
      setHeader('grpc-timeout', `${deadlineMs}m`),
      ...(edge ? [setHeader('x-hop-method', '%REQ(X-ENVOY-ORIGINAL-METHOD?:METHOD)%')] : []),
      // grpc-js hides accept-encoding from handlers.
      ...(edge && isPage(rpc) ? [setHeader('x-hop-accept-encoding', '%REQ(ACCEPT-ENCODING)%')] : []),
      ...cookieIn(rpc),
    ],
    // Unless the service sets another value (the signing keys).
    ...(edge ? {} : { ...cookiesOut(rpc), response_headers_to_add: [notStored] }),
    typed_per_filter_config: edge
      ? edgeFilters(rpc, binding, isPage(rpc) ? 'page' : 'careful-redirect')
      : apiFilters(rpc, binding),
  };
  if (isPage(rpc) && takesEverything(binding.path)) {
    const ofAssets = { prefix: assetsPrefix, headers: [method, ...guards] };
    return [{ ...route, match: ofAssets, route: { ...action, retry_policy: assetRetries } }, route];
  }
  if (isPage(rpc) || !edge) return [route];
  // Nearly every follow: one pattern over path and query, no body, and no script before the call.
  const plain = {
    name: ':path',
    string_match: { safe_regex: { regex: `${pathPattern(binding.path, codeSegment)}${plainQuery}` } },
  };
  return [
    {
      ...route,
      match: { prefix: '/', headers: [method, plain, unsized, ...guards] },
      typed_per_filter_config: edgeFilters(rpc, binding, 'redirect'),
    },
    route,
  ];
}

/** How long a service has for one try, and how long Envoy waits in all. */
function timesOf(rpc: Rpc): { readonly deadlineMs: number; readonly timeoutMs: number } {
  if (isRedirect(rpc)) return { deadlineMs: limits.redirectTryMs, timeoutMs: limits.redirectMs };
  const deadlineMs = rpc.name === readiness ? limits.readinessMs : limits.callMs;
  return { deadlineMs, timeoutMs: deadlineMs + limits.graceMs };
}

const isRedirect = (rpc: Rpc): boolean => rpc.exposure === Exposure.EDGE && !isPage(rpc);

function retriesOf(rpc: Rpc, { verb }: Binding): JsonObject {
  if (rpc.name === readiness) return readinessRetries;
  if (isRedirect(rpc)) return retryPolicy.redirect;
  return rpc.isRead || isRead(verb) ? retryPolicy.read : retryPolicy.write;
}

function retriesOfCall(rpc: Rpc): JsonObject {
  if (!rpc.isRead || rpc.streams) return retryPolicy.write;
  return clusterOf(rpc) === 'resolver' ? retryPolicy.redirect : retryPolicy.read;
}

/** As far as a route can tell: a chunked one, or one over HTTP/2 without a length, is detected by the transcoder (filters.ts). */
const unsized = { name: 'content-length', present_match: true, invert_match: true };

/** The redirect's segment is spelled out, so that what cannot be a code gets the 404 page without a look-up. */
function pathMatch(rpc: Rpc, path: PathTemplate): JsonObject {
  if (isExact(path)) return { path: exactPath(path) };
  if (path.segments.length === 1 && takesEverything(path)) return { prefix: '/' };
  const segment = rpc.exposure === Exposure.EDGE ? codeSegment : undefined;
  return { safe_regex: { regex: pathPattern(path, segment) } };
}

function notAllowed(group: readonly RestRoute[], guards: readonly JsonObject[]): JsonObject {
  const [first] = group;
  if (!first) throw new Error('A path without a method.');
  const allow = group.map(({ binding }) => binding.verb).sort();
  return {
    ...refusal('method-not-allowed', { ...pathMatch(first.rpc, first.binding.path), headers: guards }, 405),
    response_headers_to_add: [setHeader('allow', allow.join(', '))],
  };
}

/** The RPC's own path, for gRPC and gRPC-Web; other content types do not match. */
function grpcRoute(rpc: Rpc): JsonObject {
  return {
    name: rpc.name,
    match: {
      path: `/${rpc.name}`,
      headers: [
        isCall,
        { name: ':method', string_match: { exact: 'POST' } },
        // With a query a service would refuse it as an unknown method, in the words of grpc-js.
        { name: ':path', string_match: { exact: `/${rpc.name}` } },
      ],
    },
    route: {
      cluster: clusterOf(rpc),
      ...(rpc.streams
        ? {
            timeout: '0s',
            idle_timeout: `${limits.streamIdleSeconds}s`,
            max_stream_duration: { max_stream_duration: `${limits.longStreamSeconds}s` },
          }
        : {
            // This makes Envoy ignore `timeout`: without the first field, a call without its own deadline would never end.
            max_stream_duration: {
              max_stream_duration: milliseconds(limits.callMs + limits.graceMs),
              grpc_timeout_header_max: `${limits.grpcTimeoutSeconds}s`,
            },
          }),
      retry_policy: retriesOfCall(rpc),
    },
    request_headers_to_add: cookieIn(rpc),
    ...cookiesOut(rpc),
    typed_per_filter_config: grpcFilters(rpc),
  };
}

/** A call that may see the cookie gets it under a name of ours, which no client can send: `cookie` itself is removed. */
const cookieIn = ({ sessionCookie }: Rpc): JsonObject[] =>
  sessionCookie ? [setHeader('x-hop-cookie', '%REQ(COOKIE)%')] : [];

/** A service that set a cookie by mistake would expose a credential to every service on the host. */
const cookiesOut = (rpc: Rpc): JsonObject => (rpc.sessionCookie ? {} : { response_headers_to_remove: ['set-cookie'] });

function clusterOf(rpc: Rpc): ClusterName {
  const service = upstreamOf[rpc.service];
  const isLive = rpc.streams && service === 'analytics';
  const upstream = rpc.name === readiness ? 'readiness' : isLive ? 'live' : service;
  if (!upstream)
    throw new Error(`${rpc.service} has routes but no cluster: name it in upstreamOf (envoy/routes/routes.ts).`);
  return upstream;
}

const isRead = (verb: string): boolean => verb === 'GET' || verb === 'HEAD';

function health(): JsonObject[] {
  const answer = (verb: string): JsonObject => ({
    name: 'healthz',
    match: { path: healthPath, headers: [{ name: ':method', string_match: { exact: verb } }, ...notGrpc] },
    direct_response: { status: 200, body: { inline_string: 'ok\n' } },
    response_headers_to_add: [setHeader('cache-control', 'no-store')],
    typed_per_filter_config: ownFilters,
  });
  return [
    answer('GET'),
    answer('HEAD'),
    {
      ...refusal('method-not-allowed', { path: healthPath, headers: notGrpc }, 405),
      response_headers_to_add: [setHeader('allow', 'GET, HEAD')],
    },
  ];
}

/** An answer of Envoy's own; its body comes from local-replies.ts. */
function refusal(name: string, match: JsonObject, status: number): JsonObject {
  return { name, match, direct_response: { status }, typed_per_filter_config: ownFilters };
}

const milliseconds = (value: number): string => `${value / 1000}s`;
