import {
  type Context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace-node';

/** The W3C trace context as it travels in metadata. */
export interface TraceHeaders {
  traceparent?: string;
  tracestate?: string;
}

export interface RunningTracing {
  stop(): Promise<void>;
}

const propagator = new W3CTraceContextPropagator();
let tracer: Tracer | undefined;

/** Sends spans to the endpoint; without one nothing is traced, and startSpan answers undefined. */
export function startTracing(
  config: { instance: string; otlpEndpoint: string | undefined },
  processor?: SpanProcessor,
): RunningTracing {
  if (!config.otlpEndpoint && !processor) return { stop: async () => {} };
  const exporter = processor ?? new BatchSpanProcessor(new OTLPTraceExporter({ url: config.otlpEndpoint ?? '' }));
  const resource = resourceFromAttributes({
    'service.name': config.instance.replace(/-\d+$/, ''),
    'service.instance.id': config.instance,
  });
  const provider = new NodeTracerProvider({ resource, spanProcessors: [exporter] });
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

/** A span under the parent that came in the headers; undefined when nothing is traced. Spans carry names, never values. */
export function startSpan(name: string, kind: 'server' | 'client', parent: TraceHeaders): Span | undefined {
  if (!tracer) return undefined;
  const from: Context = propagator.extract(ROOT_CONTEXT, parent, defaultTextMapGetter);
  return tracer.startSpan(name, { kind: kind === 'server' ? SpanKind.SERVER : SpanKind.CLIENT }, from);
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
