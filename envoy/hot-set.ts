import { isIP } from 'node:net';
import type { Address } from '#runtime/config/config.ts';
import { byName, httpOptions, socketAddress } from './clusters.ts';
import { type JsonObject, typed } from './json.ts';
import { limits } from './limits.ts';

const cluster = 'hot-set';

/** Retries soon: while Envoy and its gateway-edge are disconnected, the lease expires and every redirect is cold. */
const backOff: JsonObject = { base_interval: '0.1s', max_interval: '1s' };

/**
 * An Envoy without its gateway-edge starts after this wait, and serves cold. It describes itself (60 KB, naming every built-in extension)
 * once per stream: otherwise it would with each acknowledgement, four times a second for the lease alone.
 */
const source = (apiType: 'GRPC' | 'DELTA_GRPC'): JsonObject => ({
  initial_fetch_timeout: '0.5s',
  resource_api_version: 'V3',
  api_config_source: {
    api_type: apiType,
    transport_api_version: 'V3',
    set_node_on_first_message_only: true,
    grpc_services: [{ envoy_grpc: { cluster_name: cluster, retry_policy: { retry_back_off: backOff } } }],
  },
});

/** Virtual hosts of single domains, with their most followed links, from gateway-edge. */
export const hotVirtualHosts: JsonObject = { config_source: source('DELTA_GRPC') };

/** Whether they may be served: a runtime key that expires unless gateway-edge keeps renewing it. */
export const leaseLayer: JsonObject = { name: 'lease', rtds_layer: { name: 'lease', rtds_config: source('GRPC') } };

/** The gateway-edge of this Envoy. It has no health check: the lease says more. */
export function hotSetCluster(address: Address): JsonObject {
  return {
    name: cluster,
    ...(isIP(address.host) === 0 ? { cluster_type: byName } : { type: 'STATIC' }),
    connect_timeout: `${limits.connectMs / 1000}s`,
    typed_extension_protocol_options: {
      [httpOptions]: typed(httpOptions, {
        explicit_http_config: {
          http2_protocol_options: {
            // A hot set is some megabytes; with the window size of a call it would arrive in a hundred pieces.
            initial_stream_window_size: 4_194_304,
            initial_connection_window_size: 8_388_608,
            connection_keepalive: { interval: '1s', timeout: '1s' },
          },
        },
      }),
    },
    load_assignment: {
      cluster_name: cluster,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(address) } }] }],
    },
  };
}
