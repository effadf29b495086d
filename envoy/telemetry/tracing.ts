import { isIP } from 'node:net';
import { byName, httpOptions, socketAddress } from '../clusters.ts';
import { extension, type JsonObject, typed } from '../json.ts';
import { limits } from '../limits.ts';
import type { Traces } from '../settings.ts';

const cluster = 'traces';

/** What a span of Envoy would otherwise say of a person: the client's address, the path with its query, the user agent. */
const untold = ['peer.address', 'http.url', 'user_agent'];

/**
 * Of some requests a span, made by Envoy alone: what a client says of a trace was taken away before. A tracer that nobody
 * asked for is not there, so it costs nothing.
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
 * The trace of a request, for a line of the click spool: the ids without the flags. Whether a request is traced stands in its
 * id (a UUID of version 4 is not, any other is), so an answer of Envoy's own, which is given no header, can say it too.
 */
export const lineOfTrace = (traces: Traces | undefined): JsonObject =>
  traces ? { traceparent: '00-%TRACE_ID%-%SPAN_ID%' } : {};

/** Spans are sent at once when there are five, and each second. */
export const flushSpans: JsonObject = { 'tracing.opentelemetry.flush_interval_ms': 1_000 };

/** A collector that is away, or slow, costs spans and nothing else. */
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
