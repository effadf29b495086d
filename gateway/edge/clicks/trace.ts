import type { Span } from '@opentelemetry/api';
import { headersOf, startSpan, tracingEnabled } from '#runtime/telemetry/tracing.ts';
import type { ClickRows } from './packing/click-rows.ts';

/**
 * Each traced click names, from then on, the span of its sending, to which the work behind Kafka links. Without a collector it keeps naming
 * Envoy's. Returns what to call when Kafka has the clicks.
 */
export function traceSending({ traceparents }: ClickRows, topic: string): () => void {
  if (!tracingEnabled()) return () => {};
  const spans: Span[] = [];
  for (const [row, traceparent] of traceparents) {
    const span = startSpan(`send ${topic}`, 'producer', { traceparent });
    if (!span) continue;
    spans.push(span);
    traceparents.set(row, headersOf(span).traceparent ?? traceparent);
  }
  return () => {
    for (const span of spans) span.end();
  };
}
