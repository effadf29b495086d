import type { Rpc } from '#runtime/contract/contract.ts';
import { setHeader } from '../headers.ts';
import { hotVirtualHosts } from '../hot-set.ts';
import { type JsonObject, typed } from '../json.ts';
import type { DoorName, EnvoySettings } from '../settings.ts';
import { buildRoutes } from './routes.ts';

/**
 * A route file (RDS). Virtual hosts are named after what they serve. The hot set adds virtual hosts of single domains to them (VHDS), which
 * fall back to the routes of `links`, or of `all`, as gateway-edge reads them here.
 */
export function routeConfiguration(door: DoorName, rpcs: readonly Rpc[], settings: EnvoySettings): JsonObject {
  return {
    version_info: '1',
    resources: [
      typed('envoy.config.route.v3.RouteConfiguration', {
        name: door,
        virtual_hosts: virtualHosts(door, rpcs, settings.apiHosts ?? []),
        ...(settings.hotSet && door === 'public' ? { vhds: hotVirtualHosts } : {}),
        // Credentials end here: the verified caller is passed on as x-hop-caller.
        request_headers_to_remove: ['authorization', 'cookie'],
        ...(door === 'public' ? { response_headers_to_add: transportHeaders(settings) } : {}),
      }),
    ],
  };
}

function virtualHosts(door: DoorName, rpcs: readonly Rpc[], apiHosts: readonly string[]): JsonObject[] {
  if (door === 'internal')
    return [{ name: 'teams', domains: ['*'], routes: buildRoutes(rpcs, { teams: true, api: true, links: false }) }];
  if (apiHosts.length === 0)
    return [{ name: 'all', domains: ['*'], routes: buildRoutes(rpcs, { teams: false, api: true, links: true }) }];
  return [
    {
      name: 'api',
      domains: apiHosts.flatMap((host) => [host, `${host}:*`]),
      routes: buildRoutes(rpcs, { teams: false, api: true, links: false }),
    },
    { name: 'links', domains: ['*'], routes: buildRoutes(rpcs, { teams: false, api: false, links: true }) },
  ];
}

/** What every answer says about its transport. Subdomains are not included: they may belong to somebody else. */
function transportHeaders({
  publicTls,
  http3,
  hstsSeconds = 0,
  publicPort,
  publicAddress,
}: EnvoySettings): JsonObject[] {
  return [
    ...(http3 ? [setHeader('alt-svc', `h3=":${publicPort ?? publicAddress.port}"; ma=86400`)] : []),
    ...(publicTls && hstsSeconds > 0 ? [setHeader('strict-transport-security', `max-age=${hstsSeconds}`)] : []),
  ];
}
