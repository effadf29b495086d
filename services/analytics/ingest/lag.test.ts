import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningMetrics, startMetrics } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { createLag } from './lag.ts';

let metrics: RunningMetrics;
beforeAll(async () => {
  metrics = await startMetrics({ instance: 'analytics', metricsAddress: { host: '127.0.0.1', port: 0 } });
});
afterAll(() => metrics.stop());

const failing = () => Promise.reject(new Error('Connection terminated'));
async function shown() {
  const figures = await metrics.read();
  const behind = figures.all(metric.consumerLag).map(({ attributes, value }) => [attributes.partition, value]);
  const stalled = figures.all(metric.consumerStalled).map(({ attributes, value }) => [attributes.partition, value]);
  return { seconds: figures.sum(metric.clickLag), stalled: Object.fromEntries(stalled), behind };
}

test('is that of the last click for a minute, and none after that unless more is waiting', async () => {
  let nowMs = 1_000_000;
  const lag = createLag(() => nowMs);
  const hoursAgo = (nowMs - 7_200_000) * 1_000;
  lag.stored(0, 1, hoursAgo);
  nowMs += 61_000;
  expect((await shown()).seconds).toBe(7_200);
  lag.stored(0, 0, hoursAgo);
  nowMs += 60_000;
  expect((await shown()).seconds).toBe(7_261);
  nowMs += 1;
  expect((await shown()).seconds).toBe(0);
});

test('grows while the store is away, stands when all is stored, and goes with its partition', async () => {
  let nowMs = 1_000_000;
  const lag = createLag(() => nowMs);
  const read = { behind: 3, oldestUs: () => (nowMs - 500) * 1_000 };
  lag.assigned([0, 1]);
  await lag.whileWaiting(0, async () => lag.stored(0, 2, (nowMs - 250) * 1_000), read);
  expect(await shown()).toEqual({ seconds: 0.25, stalled: { 0: 0, 1: 0 }, behind: [['0', 2]] });

  const oldestUs = nowMs * 1_000;
  for (const pause of [0, 4_000, 5_000]) {
    nowMs += pause;
    await expect(lag.whileWaiting(1, failing, { behind: 7, oldestUs: () => oldestUs })).rejects.toThrow();
  }
  nowMs += 1_000;
  expect(await shown()).toEqual({
    seconds: 10,
    // Nothing is read of partition 0 either meanwhile.
    stalled: { 0: 10, 1: 10 },
    behind: [
      ['0', 2],
      ['1', 7],
    ],
  });

  await lag.whileWaiting(1, async () => lag.stored(1, 0, oldestUs));
  expect(await shown()).toEqual({
    seconds: 10,
    stalled: { 0: 0, 1: 0 },
    behind: [
      ['0', 2],
      ['1', 0],
    ],
  });

  // The position cannot even be asked for; then somebody else gets the partition.
  await expect(lag.whileWaiting(1, failing)).rejects.toThrow();
  expect([lag.isWaiting(0), lag.isWaiting(1)]).toEqual([false, true]);
  nowMs += 2_000;
  expect(await shown()).toMatchObject({ seconds: 2, stalled: { 0: 2, 1: 2 } });
  lag.assigned([0]);
  expect(await shown()).toMatchObject({ seconds: 10, stalled: { 0: 0, 1: 0 } });

  const inItsFirstTry = async () => expect(lag.isWaiting(1)).toBe(true);
  await lag.whileWaiting(1, inItsFirstTry, { behind: 4, oldestUs: () => undefined });
  expect(lag.isWaiting(1)).toBe(false);
  lag.assigned([0]);
  expect((await shown()).behind).toEqual([
    ['0', 2],
    ['1', 0],
  ]);
});
