import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace-node';

/** Creates the spans of this process and passes them to the processor; by default in batches to the endpoint. */
export function createTracerProvider(
  { instance, otlpEndpoint }: { instance: string; otlpEndpoint: string | undefined },
  processor?: SpanProcessor,
): NodeTracerProvider {
  const exporter = processor ?? new BatchSpanProcessor(new OTLPTraceExporter({ url: otlpEndpoint ?? '' }));
  const resource = resourceFromAttributes({
    'service.name': instance.replace(/-\d+$/, ''),
    'service.instance.id': instance,
  });
  return new NodeTracerProvider({ resource, spanProcessors: [exporter] });
}
