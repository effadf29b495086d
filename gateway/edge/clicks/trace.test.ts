import { fromBinary } from '@bufbuild/protobuf';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { afterEach, expect, test } from 'vitest';
import { ClickBatchSchema } from '#gen/event/v1/click_pb.ts';
import { type RunningTracing, startTracing } from '#runtime/telemetry/tracing.ts';
import { createEnricher } from './enrichment/enrich.ts';
import { nowhere } from './enrichment/geo.ts';
import { packClicks } from './packing/batch.ts';
import { ClickRows } from './packing/click-rows.ts';
import { type ClickLine, parseLine } from './parse.ts';
import { traceSending } from './trace.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const envoySpan = 'b7ad6b7169203331';
const enrich = createEnricher(
  () => undefined,
  () => nowhere,
);
/** Two clicks, of which one was sampled. */
const sampledAndNot = () =>
  ClickRows.of(
    ['9', '4'].map((version) => {
      const line = {
        v: 1,
        at: '1764000000123456',
        request_id: `57d156cc-a8a2-${version}a98-8251-9f0d76640d5e`,
        method: 'GET',
        status: 302,
        link_id: '0192f0c1-2222-7333-8444-555566667777',
        workspace_id: '0192f0c1-aaaa-7bbb-8ccc-ddddeeeeffff',
        traceparent: `00-${traceId}-${envoySpan}`,
      };
      return enrich(parseLine(JSON.stringify(line)) as ClickLine);
    }),
  );

let tracing: RunningTracing | undefined;
afterEach(() => tracing?.stop());

const contextsOf = (clicks: ClickRows): string[] =>
  packClicks(clicks, { edgeId: 'edge-1', partitions: 1 }).map(({ value }) =>
    Buffer.from(fromBinary(ClickBatchSchema, value).traceContexts).toString('hex'),
  );

test('a sampled click names the span of its sending, which is part of its trace', async () => {
  const exporter = new InMemorySpanExporter();
  tracing = await startTracing(
    { instance: 'gateway-edge', otlpEndpoint: undefined },
    new SimpleSpanProcessor(exporter),
  );
  const clicks = sampledAndNot();
  const endSpans = traceSending(clicks, 'topic');
  expect(exporter.getFinishedSpans()).toEqual([]);
  endSpans();
  const [span, ...others] = exporter.getFinishedSpans();
  expect(others).toEqual([]);
  expect(span).toMatchObject({ name: 'send topic', parentSpanContext: { traceId, spanId: envoySpan } });
  expect(contextsOf(clicks)).toEqual([`${traceId}${span?.spanContext().spanId}`]);
});

test("without a collector nothing is made, and Envoy's span is passed on", () => {
  const clicks = sampledAndNot();
  traceSending(clicks, 'topic')();
  expect(contextsOf(clicks)).toEqual([`${traceId}${envoySpan}`]);
});
