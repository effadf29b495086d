import { counter, histogram } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { startLinkedSpan } from '#runtime/telemetry/tracing.ts';
import type { Delivery, Stored } from '../store.ts';
import { sendersOf } from './click-batch.ts';

export const consumed = counter(metric.clicksConsumed);
const batchDuration = histogram(metric.clickBatchDuration);

/** Records one transaction: its span, linked to the spans that sent its clicks, its duration, and its outcome. */
export async function observed(
  deliveries: readonly Delivery[],
  storing: () => Promise<Stored | 'overtaken'>,
): Promise<'stored' | 'overtaken'> {
  const startedAt = performance.now();
  const batches = deliveries.flatMap((delivery) => delivery.batches);
  const span = startLinkedSpan(`process ${deliveries[0]?.topic}`, batches.flatMap(sendersOf));
  const stored = await storing().finally(() => span?.end());
  if (stored === 'overtaken') return stored;
  batchDuration.record((performance.now() - startedAt) / 1_000);
  for (const outcome of ['stored', 'duplicates', 'expired', 'future', 'erased'] as const) {
    if (stored[outcome] > 0) consumed.add(stored[outcome], { outcome });
  }
  return 'stored';
}
