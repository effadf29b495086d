import {
  type Context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-node';

/** The W3C trace context as metadata. */
export interface TraceHeaders {
  traceparent?: string;
  tracestate?: string;
}

export interface RunningTracing {
  stop(): Promise<void>;
}

const propagator = new W3CTraceContextPropagator();
let tracer: Tracer | undefined;

/**
 * Sends spans to the endpoint; without one nothing is traced, and startSpan returns undefined. The tracing SDK is loaded only if needed: it
 * is a quarter of all modules that a process would load at its start.
 */
export async function startTracing(
  config: { instance: string; otlpEndpoint: string | undefined },
  processor?: SpanProcessor,
): Promise<RunningTracing> {
  if (!config.otlpEndpoint && !processor) return { stop: async () => {} };
  const { createTracerProvider } = await import('./tracer-provider.ts');
  const provider = createTracerProvider(config, processor);
  const own = provider.getTracer('hopline');
  tracer = own;
  return {
    async stop() {
      if (tracer === own) tracer = undefined;
      await provider.shutdown();
    },
  };
}

export function tracingEnabled(): boolean {
  return tracer !== undefined;
}

const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT, producer: SpanKind.PRODUCER } as const;

/** A span under the parent in the headers; undefined when nothing is traced. Spans carry names, never values. */
export function startSpan(name: string, kind: keyof typeof kinds, parent: TraceHeaders): Span | undefined {
  if (!tracer) return undefined;
  const from: Context = propagator.extract(ROOT_CONTEXT, parent, defaultTextMapGetter);
  return tracer.startSpan(name, { kind: kinds[kind] }, from);
}

/** A span to link to: 32 and 16 hexadecimal digits. */
export interface SpanIds {
  readonly traceId: string;
  readonly spanId: string;
}

/** The SDK keeps no more links. */
const mostLinks = 128;

/** A new span for work that comes from many traces, linked to each; undefined when nothing is traced, or there are no traces. */
export function startLinkedSpan(name: string, from: readonly SpanIds[]): Span | undefined {
  if (!tracer || from.length === 0) return undefined;
  const links = from.slice(0, mostLinks).map((ids) => ({ context: { ...ids, traceFlags: TraceFlags.SAMPLED } }));
  return tracer.startSpan(name, { kind: SpanKind.CONSUMER, links }, ROOT_CONTEXT);
}

export function endSpan(span: Span, codeName: string): void {
  span.setAttribute('rpc.response.status_code', codeName);
  if (codeName !== 'ok') span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

export function headersOf(span: Span): TraceHeaders {
  const headers: TraceHeaders = {};
  propagator.inject(trace.setSpan(ROOT_CONTEXT, span), headers, defaultTextMapSetter);
  return headers;
}
