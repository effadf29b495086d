import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { waitFor } from '../testing/wait-for.ts';
import { observeHeap } from './heap.ts';
import { startMetrics } from './metrics.ts';
import { type Metric, metric } from './schema.ts';

test('tells how long the heap was collected, and how full it is, until its end', async () => {
  const running = await startMetrics({ instance: 'link', metricsAddress: { host: '127.0.0.1', port: 0 } });
  const end = observeHeap();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const told = async (of: Metric, attribute: string): Promise<number> => {
    const all = (await running.read()).all(of);
    return all.find(({ attributes }) => Object.values(attributes)[0] === attribute)?.value ?? 0;
  };
  await waitFor(async () => (await told(metric.processCollecting, 'major')) > 0);
  const used = await told(metric.processHeap, 'used');
  expect(used).toBeGreaterThan(1_000_000);
  expect(await told(metric.processHeap, 'limit')).toBeGreaterThan(used);
  end();
  await running.stop();
});
