import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Offsets, readOffsets } from '#runtime/kafka/topics.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { type RunningMetrics, startMetrics } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { kafkaIsInstalled } from '#runtime/testing/kafka.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import type { ClickStore } from '../store.ts';
import { readerConfig, useClickPath } from '../testing/click-path.ts';
import { encodeClicks, testClick } from '../testing/clicks.ts';
import { startIngest } from './ingest.ts';
import { createUnreadWatch } from './unread.ts';

let metrics: RunningMetrics;
beforeAll(async () => {
  metrics = await startMetrics({ instance: 'analytics', metricsAddress: { host: '127.0.0.1', port: 0 } });
});
afterAll(() => metrics.stop());
const shown = async (): Promise<Record<string, number>> => {
  const figures = (await metrics.read()).all(metric.consumerUnread);
  return Object.fromEntries(figures.map(({ attributes, value }) => [String(attributes.partition), value]));
};
const shownSeconds = async (): Promise<number | undefined> => (await shown())['0'];

describe('compares offsets', () => {
  /** Partition 0 has ten messages, of which the store has eight; it goes on when the clock does. */
  function start() {
    const found = {
      offsets: new Map<number, Offsets>([[0, { oldest: 5n, next: 10n }]]),
      positions: new Map([[0, 8n]]),
      waiting: new Set<number>(),
      fault: undefined as Error | undefined,
    };
    const clock = { ms: 0 };
    let looks = 0;
    const watch = createUnreadWatch({
      offsets: async () => {
        looks++;
        if (found.fault) throw found.fault;
        return found.offsets;
      },
      positions: async () => found.positions,
      isWaiting: (partition) => found.waiting.has(partition),
      everyMs: 1,
      patienceMs: 30_000,
      now: () => clock.ms,
    });
    const stopping = new AbortController();
    const keeping = watch.keep(stopping.signal);
    onTestFinished(async () => {
      stopping.abort();
      await keeping;
    });
    const pass = async (ms: number): Promise<void> => {
      clock.ms += ms;
      const before = looks;
      await waitFor(() => looks > before + 1);
    };
    return { found, pass, check: watch.check };
  }

  test('a partition with messages whose position stands still is not read', async () => {
    const { found, pass, check } = start();
    await pass(0);
    await pass(30_000);
    await check();
    await pass(1);
    await expect(check()).rejects.toThrow('partitions 0');
    expect(await shownSeconds()).toBeCloseTo(30.001);
    found.positions = new Map([[0, 9n]]);
    await pass(1);
    await check();
    await pass(31_000);
    await expect(check()).rejects.toThrow('partitions 0');
    found.positions = new Map([[0, 10n]]);
    await pass(1);
    await pass(31_000);
    await check();
    expect(await shownSeconds()).toBe(0);
  });

  test('one of which nothing was ever stored is not read either; one whose messages were deleted is', async () => {
    const { found, pass, check } = start();
    found.positions = new Map();
    await pass(0);
    await pass(31_000);
    await expect(check()).rejects.toThrow('partitions 0');
    found.offsets = new Map([[0, { oldest: 10n, next: 10n }]]);
    await pass(1);
    await check();
  });

  test('what was read and cannot be stored is not for Kafka to answer for', async () => {
    const { found, pass, check } = start();
    found.waiting.add(0);
    await pass(0);
    await pass(31_000);
    await check();
    found.waiting.clear();
    await pass(30_000);
    await check();
    await pass(1);
    await expect(check()).rejects.toThrow('partitions 0');
  });

  test('a partition that waits for the store hides no other', async () => {
    const { found, pass, check } = start();
    found.offsets = new Map([0, 1].map((partition) => [partition, { oldest: 5n, next: 10n }]));
    found.waiting.add(0);
    await pass(0);
    await pass(31_000);
    await expect(check()).rejects.toThrow('partitions 1.');
    expect(await shown()).toEqual({ all: 0, 0: 0, 1: 31 });
    found.offsets = new Map([[0, { oldest: 5n, next: 10n }]]);
    await pass(1_000);
    expect(await shown()).toEqual({ all: 0, 0: 0, 1: 0 });
  });

  test('while Kafka does not answer nobody knows', async () => {
    const { found, pass, check } = start();
    await pass(0);
    found.fault = new Error('TOPIC_AUTHORIZATION_FAILED');
    await pass(30_001);
    expect(await shown()).toMatchObject({ all: 30.001, 0: 30.001 });
    await expect(check()).rejects.toMatchObject({ message: expect.stringContaining('Kafka'), cause: found.fault });
  });
});

const topic = 'clicks';
test('closing does not wait for a Kafka that takes connections and does not answer', async () => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => {
    socket.on('error', () => {});
    sockets.add(socket);
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  onTestFinished(() => {
    silent.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = silent.address() as AddressInfo;
  const reading = startIngest(readerConfig([`127.0.0.1:${port}`], topic), {} as ClickStore, silentLog);
  await waitFor(() => sockets.size === 2, { what: 'the consumer and the comparison' });
  const since = performance.now();
  await reading.close();
  // Less than the 5 s after which a process that stops waits no longer.
  expect(performance.now() - since).toBeLessThan(4_000);
}, 30_000);

describe.skipIf(!kafkaIsInstalled())('with Kafka', () => {
  const within = { timeoutMs: 30_000 };
  const timing = { everyMs: 100, patienceMs: 2_000 };
  const on = useClickPath();
  beforeAll(() => on.kafka.createTopic(topic, 1));
  const ingest = () => startIngest(readerConfig(on.kafka.brokers, topic), on.store, silentLog, timing);
  const follow = () => on.producer.send(topic, [{ partition: 0, value: encodeClicks([testClick({})]) }]);
  const passes = (check: () => Promise<void>) => () => check().then(() => true);
  const fails = (check: () => Promise<void>) => () =>
    check().then(
      () => false,
      () => true,
    );

  test('clicks that nobody reads are told of, until somebody does', async () => {
    const kafka = { brokers: on.kafka.brokers, clientId: 'test', log: silentLog };
    const offsets = (signal: AbortSignal) => readOffsets(kafka, topic, signal);
    const positions = () => on.store.positions(topic);
    const watch = createUnreadWatch({ ...timing, offsets, positions, isWaiting: () => false });
    const stopping = new AbortController();
    const keeping = watch.keep(stopping.signal);
    await follow();
    await waitFor(fails(watch.check), { ...within, what: 'a check that fails' });
    await expect(watch.check()).rejects.toThrow('partitions 0');
    const reading = ingest();
    await waitFor(passes(watch.check), { ...within, what: 'a check that passes' });
    expect(await on.store.positions(topic)).toEqual(new Map([[0, 1n]]));
    stopping.abort();
    await Promise.all([keeping, reading.close()]);
  }, 60_000);

  test('a Kafka that is away is told of, and so is its return', async () => {
    const reading = ingest();
    await follow();
    await waitFor(async () => (await on.store.positions(topic)).get(0) === 2n, { ...within, what: 'a click' });
    await reading.check();
    expect(await shownSeconds()).toBeLessThan(2);
    await on.kafka.kill();
    await waitFor(fails(reading.check), { ...within, what: 'a check that fails' });
    await expect(reading.check()).rejects.toThrow('Kafka does not say');
    expect(await shownSeconds()).toBeGreaterThan(2);
    expect((await shown()).all).toBeGreaterThan(2);
    await on.kafka.restart();
    await waitFor(passes(reading.check), { ...within, what: 'a check that passes' });
    expect(await shownSeconds()).toBeLessThan(2);
    await waitFor(() => follow().then(() => true), { ...within, what: 'another click' });
    await waitFor(async () => (await on.store.positions(topic)).get(0) === 3n, { ...within, what: 'another click' });
    await reading.close();
  }, 120_000);
});
