import { appendFile, mkdtemp, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLog } from '#runtime/telemetry/log.ts';
import { freePort, waitFor } from '#runtime/testing/wait-for.ts';
import { createEnricher } from './enrichment/enrich.ts';
import { nowhere } from './enrichment/geo.ts';
import { createForwarder } from './forward.ts';
import { createPublisher } from './publish.ts';
import { openCursor } from './spool/cursor.ts';
import { createRotation } from './spool/rotation.ts';
import { openSpool } from './spool/spool.ts';
import { createSpoolCare } from './spool/spool-care.ts';
import { activeName } from './spool/spool-files.ts';
import type { Dropped } from './spool/spool-quota.ts';
import { spoolLine } from './testing/spool-line.ts';

const hourMs = 3_600_000;
const quota = 40_000;
const patiently = { timeoutMs: 20_000 };
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hop-outage-'));
});
afterEach(() => rm(directory, { recursive: true }));

const line = (number: number): string => `${spoolLine(number)}\n`;

/** The click path without its Kafka, with a clock of its own. */
async function startPath(limits: { maxBytes: number; maxAgeMs: number }) {
  const state = { kafkaIsUp: false, now: Date.now(), clockAheadMs: 0, read: 0 };
  const sent: number[] = [];
  const dropped: Dropped[] = [];
  const cursor = await openCursor(join(directory, 'cursor.json'), () => {});
  const spool = openSpool(directory, cursor.found, { log: silentLog });
  const publish = createPublisher(
    async () => {
      if (!state.kafkaIsUp) throw new Error('Kafka is away');
    },
    { log: silentLog, backoff: { firstMs: 1, lastMs: 5 } },
  );
  const forwarder = createForwarder({
    spool,
    cursor,
    enrich: createEnricher(
      () => undefined,
      () => nowhere,
    ),
    tap: () => state.read++,
    publish: async (clicks, signal) => {
      await publish([], signal);
      sent.push(...clicks.atUs.map((atUs) => atUs - 1_764_000_000_000_000));
    },
    log: silentLog,
    lingerMs: 5,
    maxClicks: 20,
    pollMs: 2,
  });
  const care = createSpoolCare({
    directory,
    spool: {
      ...spool,
      shed: async (...given) => {
        const found = await spool.shed(...given);
        dropped.push(...found);
        return found;
      },
    },
    // Nobody listens there: the test makes the next file, as Envoy would.
    rotation: createRotation({
      directory,
      admin: `http://127.0.0.1:${await freePort()}`,
      maxBytes: 5_000,
      maxAgeMs: hourMs,
      log: silentLog,
    }),
    limits,
    minFreeBytes: 0,
    syncMs: 1_000,
    log: silentLog,
    wallClock: () => state.now + state.clockAheadMs,
    now: () => state.now,
  });
  const stopping = new AbortController();
  const running = forwarder.run(stopping.signal);
  return {
    state,
    sent,
    dropped,
    care,
    async stop() {
      stopping.abort();
      await running;
      await spool.close();
    },
  };
}

async function write(from: number, to: number): Promise<void> {
  const lines = Array.from({ length: to - from }, (_, number) => line(from + number));
  await appendFile(join(directory, activeName), lines.join(''));
}

/** Writes two batches while Kafka is away, and waits until they are read: no more is, before Kafka is back. */
async function fillMemory({ state }: Awaited<ReturnType<typeof startPath>>): Promise<void> {
  for (const from of [0, 50]) {
    await write(from, from + 50);
    await waitFor(() => state.read === from + 50);
  }
}

async function spoolBytes(): Promise<number> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.jsonl'));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

const dropsOf = (dropped: readonly Dropped[]): number => dropped.reduce((sum, { lines }) => sum + lines, 0);

test('hours without Kafka cost disk and not memory; what was written is sent, in its order, once it is back', async () => {
  const path = await startPath({ maxBytes: 10_000_000, maxAgeMs: 24 * hourMs });
  for (let hour = 0; hour < 12; hour++) {
    await write(hour * 50, hour * 50 + 50);
    path.state.now += hourMs;
    await path.care.once();
  }
  await waitFor(() => path.state.read > 0);
  // Two batches: a chunk of whole lines is taken as it comes.
  expect(path.state.read).toBeLessThan(600);
  await path.care.check();
  path.state.kafkaIsUp = true;
  await waitFor(() => path.sent.length >= 600, patiently);
  await path.stop();
  expect(path.sent).toEqual(Array.from({ length: 600 }, (_, number) => number));
  expect(path.dropped).toEqual([]);
});

test('beyond the quota the oldest clicks are dropped, each is either sent or counted, and the spool says so', async () => {
  const path = await startPath({ maxBytes: quota, maxAgeMs: 24 * hourMs });
  await write(0, 10);
  await waitFor(() => path.state.read > 0);
  for (let round = 0; round < 60; round++) {
    await write(10 + round * 10, 20 + round * 10);
    await path.care.once();
    expect(await spoolBytes()).toBeLessThanOrEqual(quota + 5_000);
  }
  expect(dropsOf(path.dropped)).toBeGreaterThan(100);
  await expect(path.care.check()).rejects.toThrow('dropped');
  path.state.kafkaIsUp = true;
  await waitFor(() => path.sent.length + dropsOf(path.dropped) >= 610, patiently);
  await path.care.once();
  await path.stop();
  expect(path.sent.length + dropsOf(path.dropped)).toBe(610);
  expect(new Set(path.sent).size).toBe(path.sent.length);
  // The newest are kept.
  expect(path.sent.at(-1)).toBe(609);
  path.state.now += 11 * 60_000;
  await path.care.check();
});

test('a segment that is too old goes with its addresses, no matter what is away', async () => {
  const path = await startPath({ maxBytes: 10_000_000, maxAgeMs: 24 * hourMs });
  await write(0, 50);
  await waitFor(() => path.state.read > 0);
  await path.care.once();
  await write(50, 100);
  path.state.now += 25 * hourMs;
  await path.care.once();
  await path.care.once();
  expect(await spoolBytes()).toBe(0);
  await path.stop();
});

test.each([11, 9])(
  'a clock that is set forward by two days, %i minutes after a start, drops nothing that waits',
  async (minutes) => {
    const path = await startPath({ maxBytes: 10_000_000, maxAgeMs: 24 * hourMs });
    await fillMemory(path);
    await write(100, 150);
    await path.care.once();
    path.state.now += minutes * 60_000;
    await path.care.once();
    path.state.clockAheadMs = 48 * hourMs;
    // The segment that is being written is old by this clock as well, and is renamed.
    await path.care.once();
    path.state.now += 2 * 60_000;
    await path.care.once();
    expect(path.dropped).toEqual([]);
    path.state.kafkaIsUp = true;
    await write(150, 160);
    await waitFor(() => path.sent.length === 160, patiently);
    await path.stop();
  },
);

test('a host that was off for days sends what it holds, if Kafka takes it within ten minutes; after that it is dropped', async () => {
  const path = await startPath({ maxBytes: 10_000_000, maxAgeMs: 24 * hourMs });
  const leave = async (name: string): Promise<void> => {
    const daysAgo = (path.state.now - 72 * hourMs) / 1_000;
    await utimes(join(directory, activeName), daysAgo, daysAgo);
    await rename(join(directory, activeName), join(directory, name));
  };
  await fillMemory(path);
  await write(100, 110);
  await leave('clicks-1.jsonl');
  await write(110, 120);
  await path.care.once();
  path.state.now += 9 * 60_000;
  await path.care.once();
  path.state.kafkaIsUp = true;
  await waitFor(() => path.sent.length === 120, patiently);
  expect(path.dropped).toEqual([]);
  path.state.kafkaIsUp = false;
  await leave('clicks-2.jsonl');
  path.state.now += 60_000;
  await path.care.once();
  expect(await readdir(directory)).not.toContain('clicks-2.jsonl');
  await path.stop();
});

test('a start anywhere in an outage goes on from the cursor, and sends nothing twice that was acknowledged', async () => {
  const sent: number[] = [];
  for (let start = 0; start < 6; start++) {
    const path = await startPath({ maxBytes: 10_000_000, maxAgeMs: 24 * hourMs });
    path.state.kafkaIsUp = start % 2 === 1;
    await write(start * 40, start * 40 + 40);
    await path.care.once();
    if (path.state.kafkaIsUp) await waitFor(() => path.sent.includes(start * 40 + 39), patiently);
    else await waitFor(() => path.state.read > 0);
    await path.stop();
    sent.push(...path.sent);
  }
  expect(sent.sort((one, other) => one - other)).toEqual(Array.from({ length: 240 }, (_, n) => n));
});
