import type { Span } from '@opentelemetry/api';
import { headersOf, startSpan, tracingEnabled } from '#runtime/telemetry/tracing.ts';
import type { Click } from './click.ts';

/** Clicks as they are sent: each one that is traced names the span of its sending, to which what is done behind Kafka links. */
interface TracedClicks {
  readonly clicks: readonly Click[];
  /** Kafka has them. */
  end(): void;
}

/** A click that is not traced stays as it is; without a collector all do, and what Envoy's spans were is passed on. */
export function traceSending(clicks: readonly Click[], topic: string): TracedClicks {
  if (!tracingEnabled()) return { clicks, end: () => {} };
  const spans: Span[] = [];
  const named = clicks.map((click) => {
    const span = click.traceparent && startSpan(`send ${topic}`, 'producer', click);
    if (!span) return click;
    spans.push(span);
    return { ...click, ...headersOf(span) };
  });
  return {
    clicks: named,
    end() {
      for (const span of spans) span.end();
    },
  };
}
