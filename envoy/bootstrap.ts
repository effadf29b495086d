import type { Rpc } from '#runtime/contract/contract.ts';
import { clusters } from './clusters.ts';
import { hotSetCluster, leaseLayer } from './hot-set.ts';
import { extension, type JsonObject } from './json.ts';
import { listeners, type Seen } from './listeners.ts';
import type { EnvoySettings } from './settings.ts';
import { adminCluster, statsConnections, statsListener } from './telemetry/stats.ts';
import { flushSpans, tracesCluster } from './telemetry/tracing.ts';

const mebibyte = 1_048_576;

/** envoy.yaml: everything that does not change while Envoy runs. */
export function bootstrap(settings: EnvoySettings, rpcs: readonly Rpc[], seen: Seen): JsonObject {
  return {
    node: { id: settings.edgeId ?? 'edge-1', cluster: 'hopline-edge' },
    // Whoever reaches admin can stop Envoy and read its secrets, so only this host can reach it.
    admin: {
      address: { socket_address: { address: '127.0.0.1', port_value: settings.adminPort } },
      // Clients that hold all connections would otherwise fail the probes, and so have each Envoy killed in turn.
      ignore_global_conn_limit: true,
    },
    static_resources: {
      listeners: [...listeners(settings, rpcs, seen), ...(settings.stats ? [statsListener(settings.stats)] : [])],
      clusters: [
        ...clusters(settings.upstreams),
        ...(settings.hotSet ? [hotSetCluster(settings.hotSet)] : []),
        ...(settings.traces ? [tracesCluster(settings.traces)] : []),
        ...(settings.stats ? [adminCluster(settings.adminPort)] : []),
      ],
    },
    layered_runtime: {
      layers: [
        { name: 'base', static_layer: { ...runtime, ...statsConnections, ...(settings.traces ? flushSpans : {}) } },
        ...(settings.hotSet ? [leaseLayer] : []),
      ],
    },
    overload_manager: overload(settings.maxConnections ?? 10_000, (settings.maxHeapMb ?? 512) * mebibyte),
  };
}

const runtime: JsonObject = {
  // One iteration of the event loop handles one request per connection, so that a connection full of requests and resets waits its turn.
  'http.max_requests_per_io_cycle': 1,
  // A connection that mostly resets its requests (rapid reset) is closed.
  'overload.premature_reset_total_stream_count': 100,
  'overload.premature_reset_min_stream_lifetime_seconds': 1,
  // HTTP/2 accepts the QUERY method anyway; with this HTTP/1 does too, and answers 405 as for any other method that a path does not have.
  'envoy.reloadable_features.http1_allow_query_method': true,
  // The patterns of url-syntax.ts exceed the cautious default; they are compiled once, and come from this repository.
  're2.max_program_size.error_level': 4_096,
  're2.max_program_size.warn_level': 4_096,
};

/** What Envoy sheds, in this order, as its memory fills: idle connections, the streams that hold most, keep-alive, new requests, new connections. */
function overload(connections: number, heapBytes: number): JsonObject {
  const heap = 'heap';
  const at = (value: number): JsonObject => ({ name: heap, threshold: { value } });
  return {
    refresh_interval: '0.25s',
    // Streams that hold less than 2^16 bytes are not tracked.
    buffer_factory_config: { minimum_account_to_track_power_of_two: 16 },
    resource_monitors: [
      extension(heap, 'envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig', {
        max_heap_size_bytes: heapBytes,
      }),
      extension(
        'envoy.resource_monitors.global_downstream_max_connections',
        'envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
        { max_active_downstream_connections: connections },
      ),
    ],
    actions: [
      { name: 'envoy.overload_actions.shrink_heap', triggers: [at(0.85)] },
      {
        name: 'envoy.overload_actions.reduce_timeouts',
        triggers: [{ name: heap, scaled: { scaling_threshold: 0.85, saturation_threshold: 0.95 } }],
        typed_config: {
          '@type': 'type.googleapis.com/envoy.config.overload.v3.ScaleTimersOverloadActionConfig',
          timer_scale_factors: [
            { timer: 'HTTP_DOWNSTREAM_CONNECTION_IDLE', min_timeout: '2s' },
            { timer: 'HTTP_DOWNSTREAM_STREAM_IDLE', min_timeout: '5s' },
          ],
        },
      },
      {
        name: 'envoy.overload_actions.reset_high_memory_stream',
        triggers: [{ name: heap, scaled: { scaling_threshold: 0.88, saturation_threshold: 0.95 } }],
      },
      { name: 'envoy.overload_actions.disable_http_keepalive', triggers: [at(0.9)] },
      { name: 'envoy.overload_actions.stop_accepting_requests', triggers: [at(0.95)] },
      { name: 'envoy.overload_actions.reject_incoming_connections', triggers: [at(0.98)] },
    ],
  };
}
