import { posix } from 'node:path';
import type { Address } from '#runtime/config/config.ts';
import type { Rpc } from '#runtime/contract/contract.ts';
import { socketAddress } from './clusters.ts';
import { fromOutside, httpFilters } from './filters.ts';
import { extension, type JsonObject } from './json.ts';
import { limits } from './limits.ts';
import { localReplies } from './local-replies.ts';
import { defaultRateLimits, rateLimitFilters } from './rate-limits.ts';
import type { DoorName, EnvoySettings } from './settings.ts';
import { accessLogs } from './telemetry/access-logs.ts';
import { tracing } from './telemetry/tracing.ts';

/** Paths as Envoy sees them. */
export interface Seen {
  readonly descriptors: string;
  readonly routes: string;
  readonly tls: string;
}

const httpManager = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

/** The two listeners; if configured, HTTP/3 on the public one, and the redirect from http to it. */
export function listeners(settings: EnvoySettings, rpcs: readonly Rpc[], seen: Seen): JsonObject[] {
  const { publicAddress, internalAddress, publicTls, internalTls, redirectAddress } = settings;
  const manager = (door: DoorName): JsonObject => connectionManager(settings, rpcs, seen, door);
  const tcp = (door: DoorName, address: JsonObject, tls: JsonObject | undefined): JsonObject => ({
    name: door,
    address,
    per_connection_buffer_limit_bytes: limits.connectionBufferBytes,
    max_connections_to_accept_per_socket_event: 16,
    filter_chains: [
      {
        name: door,
        transport_socket_connect_timeout: '10s',
        ...(tls
          ? {
              transport_socket: extension('tls', 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', tls),
            }
          : {}),
        filters: [manager(door)],
      },
    ],
  });
  return [
    tcp('public', socketAddress(publicAddress), publicTls ? tlsContext(seen, 'public') : undefined),
    tcp(
      'internal',
      socketAddress(internalAddress),
      internalTls ? tlsContext(seen, 'internal', internalTls.clientCa !== undefined) : undefined,
    ),
    ...(settings.http3 && publicTls ? [quic(settings, seen, rpcs)] : []),
    ...(redirectAddress ? [toHttps(redirectAddress, settings.publicPort ?? publicAddress.port)] : []),
  ];
}

function quic(settings: EnvoySettings, seen: Seen, rpcs: readonly Rpc[]): JsonObject {
  const tls = {
    // Whoever recorded a request in early data can send it again (RFC 8470): a POST, or a follow that takes a use.
    enable_early_data: false,
    downstream_tls_context: { common_tls_context: commonTls(seen, 'public', ['h3']) },
  };
  return {
    name: 'public-http3',
    address: socketAddress(settings.publicAddress, 'UDP'),
    udp_listener_config: { quic_options: {}, downstream_socket_config: { prefer_gro: true } },
    filter_chains: [
      {
        name: 'public-http3',
        transport_socket: extension('quic', 'envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport', tls),
        filters: [connectionManager(settings, rpcs, seen, 'public', 'HTTP3')],
      },
    ],
  };
}

/** Redirects http to the same place on https. Nothing is logged here: the click is the request that follows. */
function toHttps(address: Address, port: number): JsonObject {
  const redirect = (response_code: string): JsonObject => ({
    https_redirect: true,
    ...(port === 443 ? {} : { port_redirect: port }),
    response_code,
  });
  const read = { name: ':method', string_match: { safe_regex: { regex: 'GET|HEAD' } } };
  const manager = {
    stat_prefix: 'redirect',
    server_name: 'hopline',
    ...patience,
    http2_protocol_options: http2,
    local_reply_config: localReplies(),
    route_config: {
      name: 'redirect',
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            // Every client knows 301; of the other statuses only 308 keeps the method.
            { match: { prefix: '/', headers: [read] }, redirect: redirect('MOVED_PERMANENTLY') },
            { match: { prefix: '/' }, redirect: redirect('PERMANENT_REDIRECT') },
          ],
        },
      ],
    },
    http_filters: [extension('router', 'envoy.extensions.filters.http.router.v3.Router', {})],
  };
  return {
    name: 'redirect',
    address: socketAddress(address),
    per_connection_buffer_limit_bytes: limits.connectionBufferBytes,
    max_connections_to_accept_per_socket_event: 16,
    filter_chains: [{ filters: [extension('http', httpManager, manager)] }],
  };
}

function tlsContext(seen: Seen, door: DoorName, clients = false): JsonObject {
  return {
    common_tls_context: {
      ...commonTls(seen, door, ['h2', 'http/1.1']),
      ...(clients ? { validation_context_sds_secret_config: secret(seen, 'clients') } : {}),
    },
    require_client_certificate: clients,
  };
}

function commonTls(seen: Seen, door: DoorName, alpn: readonly string[]): JsonObject {
  return {
    alpn_protocols: alpn,
    tls_params: { tls_minimum_protocol_version: alpn.includes('h3') ? 'TLSv1_3' : 'TLSv1_2' },
    tls_certificate_sds_secret_configs: [secret(seen, door)],
  };
}

const secret = (seen: Seen, name: string): JsonObject => ({
  name,
  sds_config: {
    resource_api_version: 'V3',
    path_config_source: { path: posix.join(seen.tls, `${name}.yaml`), watched_directory: { path: seen.tls } },
  },
});

function connectionManager(
  settings: EnvoySettings,
  rpcs: readonly Rpc[],
  seen: Seen,
  door: DoorName,
  codec: 'AUTO' | 'HTTP3' = 'AUTO',
): JsonObject {
  const trustedProxies = door === 'public' ? (settings.trustedProxies ?? 0) : 0;
  return extension('http', httpManager, {
    stat_prefix: door,
    codec_type: codec,
    server_name: 'hopline',
    ...whoIsThere(door, trustedProxies),
    ...paths,
    ...patience,
    ...(codec === 'HTTP3' ? { http3_protocol_options: http3 } : {}),
    http_protocol_options: http1(settings.publicHost),
    http2_protocol_options: http2,
    local_reply_config: localReplies(),
    access_log: accessLogs(settings),
    ...tracing(settings.traces),
    rds: {
      route_config_name: door,
      config_source: {
        resource_api_version: 'V3',
        path_config_source: { path: posix.join(seen.routes, `${door}.yaml`), watched_directory: { path: seen.routes } },
      },
    },
    http_filters: httpFilters(rpcs, seen.descriptors, rateLimitFilters(settings.rateLimits ?? defaultRateLimits)),
  });
}

function whoIsThere(door: DoorName, trustedProxies: number): JsonObject {
  return {
    early_header_mutation_extensions: fromOutside(door, trustedProxies),
    use_remote_address: true,
    xff_num_trusted_hops: trustedProxies,
    skip_xff_append: false,
    // Nobody is internal: an address says nothing about permissions. An empty list would mean the private ranges, so this is a range that
    // no client can come from.
    internal_address_config: {
      unix_sockets: false,
      cidr_ranges: [{ address_prefix: '255.255.255.255', prefix_len: 32 }],
    },
    generate_request_id: true,
    preserve_external_request_id: false,
    always_set_request_id_in_response: true,
    forward_client_cert_details: 'SANITIZE',
  };
}

const paths: JsonObject = {
  normalize_path: true,
  merge_slashes: true,
  path_with_escaped_slashes_action: 'KEEP_UNCHANGED',
};

const patience: JsonObject = {
  max_request_headers_kb: limits.headersKb,
  common_http_protocol_options: {
    idle_timeout: `${limits.connectionIdleSeconds}s`,
    max_stream_duration: `${limits.streamSeconds}s`,
    max_headers_count: limits.headerCount,
    headers_with_underscores_action: 'DROP_HEADER',
  },
  request_headers_timeout: `${limits.requestHeadersSeconds}s`,
  request_timeout: `${limits.requestSeconds}s`,
  stream_idle_timeout: `${limits.streamIdleSeconds}s`,
  stream_flush_timeout: `${limits.streamFlushSeconds}s`,
  drain_timeout: '5s',
  delayed_close_timeout: '1s',
};

const http1 = (publicHost: string | undefined): JsonObject => ({
  // Some proxies still use it towards their backends, and some load generators. It need not name a host (RFC 9112, 3.3).
  accept_http_10: true,
  ...(publicHost === undefined ? {} : { default_host_for_http_10: publicHost }),
  // Any offer to upgrade is ignored, and the request answered as if it were not there: some clients offer TLS with each request over plain
  // HTTP, and would otherwise be refused.
  ignore_http_11_upgrade: [{ safe_regex: { regex: '.*' } }],
});

const http2: JsonObject = {
  max_concurrent_streams: limits.concurrentStreams,
  initial_stream_window_size: 65_536,
  initial_connection_window_size: 1_048_576,
  override_stream_error_on_invalid_http_message: true,
  connection_keepalive: { interval: '30s', timeout: '10s' },
};

const http3: JsonObject = {
  quic_protocol_options: {
    max_concurrent_streams: limits.concurrentStreams,
    initial_stream_window_size: 65_536,
    initial_connection_window_size: 1_048_576,
  },
  override_stream_error_on_invalid_http_message: true,
};
