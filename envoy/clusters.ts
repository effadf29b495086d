import { isIP } from 'node:net';
import type { Address } from '#runtime/config/config.ts';
import { extension, type JsonObject, typed } from './json.ts';
import { limits } from './limits.ts';
import { retryBudget } from './routes/retries.ts';
import type { Upstream } from './settings.ts';

/**
 * A service as Envoy calls it: gateway-access three times, for the checks before each API call, for the pages and for the readiness;
 * analytics twice, for calls and for live streams.
 */
export type ClusterName = Upstream | 'pages' | 'readiness' | 'live';

interface Bounds {
  /** Concurrent requests of the whole Envoy; the next one gets 503 at once. */
  readonly requests: number;
  /** The service, if its name differs. */
  readonly at?: Upstream;
  /** The service to call while no host of the first is available. */
  readonly instead?: Upstream;
}

/**
 * Requests in flight wait their turn in the service: the limit divided by the service's rate is the longest wait, which has to stay well
 * below the deadline, even on a slow machine. So the limit is small where calls are short. It does not limit the rate: 256 calls of 1 ms
 * are 256,000 a second (docs/decisions/0013-overload.md).
 */
const bounds: Readonly<Record<ClusterName, Bounds>> = {
  link: { requests: 512 },
  // Redirects beyond their limit are refused earlier (filters.ts); the rest are calls of teams, and another listener.
  resolver: { requests: 512 },
  identity: { requests: 256 },
  analytics: { requests: 256 },
  // A stream lasts for minutes, and each process takes a hundred (HOP_WATCH_STREAMS): they must not take the places of the calls.
  live: { requests: 1_024, at: 'analytics' },
  'gateway-access': { requests: 256 },
  // Anybody may request pages, without limit: they must not take the places of the credential checks.
  pages: { requests: 64, at: 'gateway-access' },
  // A load balancer takes this edge out of rotation when it is not ready, and redirects do not need gateway-access.
  readiness: { requests: 64, at: 'gateway-access', instead: 'resolver' },
};

export function clusters(upstreams: Readonly<Record<Upstream, readonly Address[]>>): JsonObject[] {
  const entries = Object.entries(bounds) as [ClusterName, Bounds][];
  return entries.map(([name, { requests, at, instead }]) => {
    const first = upstreams[at ?? (name as Upstream)];
    return cluster(name, instead === undefined ? [first] : [first, upstreams[instead]], requests);
  });
}

/**
 * In percent: a group gets all calls as long as one in a hundred of its hosts is in rotation. With Envoy's default of 140 it gets 70 %
 * while half of them are.
 */
const allOf = 10_000;

/** A group of addresses is called only while no host of the earlier groups is in rotation. */
function cluster(name: ClusterName, groups: readonly (readonly Address[])[], requests: number): JsonObject {
  const addresses = groups.flat();
  if (groups.some((group) => group.length === 0)) throw new Error(`Envoy has no address for ${name}.`);
  return {
    name,
    ...(addresses.every(({ host }) => isIP(host) !== 0) ? { type: 'STATIC' } : { cluster_type: byName }),
    connect_timeout: `${limits.connectMs / 1000}s`,
    per_connection_buffer_limit_bytes: limits.connectionBufferBytes,
    lb_policy: 'LEAST_REQUEST',
    circuit_breakers: { thresholds: [{ ...breaker, max_pending_requests: requests, max_requests: requests }] },
    outlier_detection: outliers,
    health_checks: [health],
    typed_extension_protocol_options: { [httpOptions]: typed(httpOptions, http2) },
    upstream_connection_options: {
      tcp_keepalive: { keepalive_time: 30, keepalive_interval: 5, keepalive_probes: 3 },
    },
    load_assignment: {
      cluster_name: name,
      ...(groups.length > 1 && { policy: { overprovisioning_factor: allOf } }),
      endpoints: groups.map((group, priority) => ({
        priority,
        lb_endpoints: group.map((address) => ({ endpoint: { address: socketAddress(address) } })),
      })),
    },
  };
}

const breaker: JsonObject = {
  max_connections: 256,
  retry_budget: retryBudget,
};

/** A shed or an error of a service is an answer; only a host that Envoy cannot talk to is ejected. */
const outliers: JsonObject = {
  split_external_local_origin_errors: true,
  consecutive_local_origin_failure: 5,
  enforcing_consecutive_5xx: 0,
  enforcing_consecutive_gateway_failure: 0,
  enforcing_success_rate: 0,
  enforcing_local_origin_success_rate: 0,
  interval: '1s',
  base_ejection_time: '2s',
  max_ejection_time: '30s',
  max_ejection_percent: 50,
};

const health: JsonObject = {
  timeout: '1s',
  interval: '2s',
  no_traffic_interval: '2s',
  unhealthy_interval: '1s',
  interval_jitter: '0.2s',
  unhealthy_threshold: 2,
  healthy_threshold: 1,
  grpc_health_check: {},
};

export const httpOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const http2: JsonObject = {
  common_http_protocol_options: { idle_timeout: '300s', max_headers_count: limits.headerCount },
  explicit_http_config: {
    http2_protocol_options: {
      max_concurrent_streams: 1_000,
      initial_stream_window_size: limits.connectionBufferBytes,
      initial_connection_window_size: 1_048_576,
      // A host that vanishes is noticed within seconds, not after the kernel's minutes.
      connection_keepalive: { interval: '10s', timeout: '2s', connection_idle_interval: '5s' },
    },
  },
};

/** Every address of a name is a separate endpoint (a headless service in Kubernetes). */
export const byName = extension('envoy.clusters.dns', 'envoy.extensions.clusters.dns.v3.DnsCluster', {
  dns_refresh_rate: '5s',
  respect_dns_ttl: true,
  dns_lookup_family: 'ALL',
  all_addresses_in_single_endpoint: false,
});

export function socketAddress({ host, port }: Address, protocol: 'TCP' | 'UDP' = 'TCP'): JsonObject {
  return { socket_address: { address: host, port_value: port, protocol } };
}
