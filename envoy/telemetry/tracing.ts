import { isIP } from 'node:net';
import { byName, httpOptions, socketAddress } from '../clusters.ts';
import { extension, type JsonObject, typed } from '../json.ts';
import { limits } from '../limits.ts';
import type { Traces } from '../settings.ts';

const cluster = 'traces';

/** Tags in which a span would otherwise identify a person: the client's address, the path with its query, the user agent. */
const untold = ['peer.address', 'http.url', 'user_agent'];

/**
 * Samples requests for tracing, decided by Envoy alone: a client's trace headers have been removed before. An unused tracer is not
 * configured, so it costs nothing.
 */
export function tracing(traces: Traces | undefined): JsonObject {
  if (!traces) return {};
  return {
    tracing: {
      provider: extension('envoy.tracers.opentelemetry', 'envoy.config.trace.v3.OpenTelemetryConfig', {
        grpc_service: { envoy_grpc: { cluster_name: cluster }, timeout: '1s' },
        service_name: 'envoy',
      }),
      client_sampling: { value: 0 },
      random_sampling: { value: traces.percent },
      overall_sampling: { value: 100 },
      custom_tags: untold.map((tag) => ({ tag, literal: { value: '-' } })),
    },
  };
}

/**
 * The trace of a request, for a line of the click spool: the ids without the flags. The request id shows whether a request is traced (a
 * UUID of version 4 is not, any other is), so Envoy's own answers, which get no header, can tell too.
 */
export const lineOfTrace = (traces: Traces | undefined): JsonObject =>
  traces ? { traceparent: '00-%TRACE_ID%-%SPAN_ID%' } : {};

/** Spans are sent as soon as there are five, and every second. */
export const flushSpans: JsonObject = { 'tracing.opentelemetry.flush_interval_ms': 1_000 };

/** An unavailable or slow collector costs spans and nothing else. */
export function tracesCluster({ collector }: Traces): JsonObject {
  return {
    name: cluster,
    ...(isIP(collector.host) === 0 ? { cluster_type: byName } : { type: 'STATIC' }),
    connect_timeout: `${limits.connectMs / 1000}s`,
    circuit_breakers: {
      thresholds: [{ max_connections: 2, max_pending_requests: 16, max_requests: 16, max_retries: 0 }],
    },
    typed_extension_protocol_options: {
      [httpOptions]: typed(httpOptions, { explicit_http_config: { http2_protocol_options: {} } }),
    },
    load_assignment: {
      cluster_name: cluster,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(collector) } }] }],
    },
  };
}
