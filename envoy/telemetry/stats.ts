import type { Address } from '#runtime/config/config.ts';
import { socketAddress } from '../clusters.ts';
import { extension, type JsonObject } from '../json.ts';
import { limits } from '../limits.ts';

const cluster = 'admin';
const page = '/stats/prometheus';

/**
 * Which of Envoy's 1,500 metrics are exposed. None is per link or client, so their number is constant. Zeros are exposed too: to
 * Prometheus, a counter that begins with its first failure has not grown.
 */
const told = [
  '^http\\.(public|internal)\\.(downstream_(rq_(.xx|total|active|time|overload_close)|cx_(total|active))|adaptive_concurrency\\.gradient_controller\\.rq_blocked)$',
  '^cluster\\.[^.]+\\.(membership_(healthy|total)|upstream_cx_connect_fail|upstream_rq_(5xx|total|active|pending_overflow))$',
  '^(filesystem\\.write_(completed|failed)|overload\\..+\\.(active|pressure)|.+\\.update_rejected)$',
  '^listener\\..+\\.downstream_(global_cx_overflow|cx_overload_reject)$',
  '^server\\.(uptime|memory_allocated|days_until_first_cert_expiring)$',
].join('|');

/** A listener for Prometheus that exposes one page of admin and nothing else of it: GET /stats/prometheus. */
export function statsListener(address: Address): JsonObject {
  const exactly = (name: string, exact: string): JsonObject => ({ name, string_match: { exact } });
  const route: JsonObject = {
    match: { path: page, headers: [exactly(':method', 'GET'), exactly(':path', page)] },
    route: { cluster, prefix_rewrite: `${page}?filter=${encodeURIComponent(told)}`, timeout: '4s' },
  };
  const manager = extension(
    'http',
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    {
      stat_prefix: 'stats',
      normalize_path: true,
      request_headers_timeout: `${limits.requestHeadersSeconds}s`,
      stream_idle_timeout: `${limits.streamIdleSeconds}s`,
      common_http_protocol_options: { idle_timeout: `${limits.connectionIdleSeconds}s` },
      route_config: { name: 'stats', virtual_hosts: [{ name: 'stats', domains: ['*'], routes: [route] }] },
      http_filters: [extension('router', 'envoy.extensions.filters.http.router.v3.Router')],
    },
  );
  return {
    name: 'stats',
    address: socketAddress(address),
    filter_chains: [{ filters: [manager] }],
    // When clients hold all connections, or the heap is full, Prometheus has to see it.
    ignore_global_conn_limit: true,
    bypass_overload_manager: true,
  };
}

/** Its own bound of connections, since those of clients have none in common with it. */
export const statsConnections: JsonObject = { 'envoy.resource_limits.listener.stats.connection_limit': 16 };

/** Envoy's own admin, as a service with few concurrent requests: its main thread answers them. */
export function adminCluster(port: number): JsonObject {
  return {
    name: cluster,
    type: 'STATIC',
    connect_timeout: `${limits.connectMs / 1000}s`,
    circuit_breakers: {
      thresholds: [{ max_connections: 2, max_pending_requests: 4, max_requests: 4, max_retries: 0 }],
    },
    load_assignment: {
      cluster_name: cluster,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress({ host: '127.0.0.1', port }) } }] }],
    },
  };
}
