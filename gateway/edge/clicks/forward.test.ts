import { appendFile, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLog } from '#runtime/telemetry/log.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { createEnricher } from './enrichment/enrich.ts';
import { nowhere } from './enrichment/geo.ts';
import { createForwarder } from './forward.ts';
import { type ClickMessage, packClicks } from './packing/batch.ts';
import { ClickRows } from './packing/click-rows.ts';
import type { ClickLine } from './parse.ts';
import { createPublisher } from './publish.ts';
import { openCursor } from './spool/cursor.ts';
import { openSpool } from './spool/spool.ts';
import { activeName } from './spool/spool-files.ts';
import { spoolLine } from './testing/spool-line.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hop-forward-'));
});
afterEach(() => rm(directory, { recursive: true }));

const line = (number: number): string => `${spoolLine(number)}\n`;

/** The last digits of their request ids. */
const numbersOf = ({ requestIds, atUs }: ClickRows): string[] =>
  atUs.map((_, row) => requestIds.toString('hex', row * 16, row * 16 + 16).slice(-1));

/** Runs until stop; what is sent goes to `send`. */
async function start(
  send: (clicks: ClickRows) => Promise<void>,
  tap: (line: ClickLine) => void = () => {},
  lingerMs = 20,
) {
  const cursor = await openCursor(join(directory, 'cursor.json'), () => {});
  let looks = 0;
  const opened = openSpool(directory, cursor.found, { log: silentLog });
  const spool: typeof opened = {
    ...opened,
    next() {
      looks++;
      return opened.next();
    },
  };
  const stopping = new AbortController();
  const options = { lingerMs, maxClicks: 50, pollMs: 5, log: silentLog };
  const publish = createPublisher(async () => {}, { log: silentLog });
  const forwarder = createForwarder({
    ...options,
    spool,
    cursor,
    tap,
    enrich: createEnricher(
      () => undefined,
      () => nowhere,
    ),
    publish: async (clicks, signal) => {
      await publish([], signal);
      await send(clicks);
    },
  });
  const running = forwarder.run(stopping.signal);
  return {
    forwarder,
    looks: () => looks,
    async stop() {
      stopping.abort();
      await running;
      await spool.close();
    },
  };
}

test('the cursor moves behind the acknowledgement, never ahead of it', async () => {
  const sent: string[] = [];
  let acknowledge: (() => void) | undefined;
  await appendFile(join(directory, activeName), line(1) + line(2));
  const first = await start(async (clicks) => {
    sent.push(...numbersOf(clicks));
    await new Promise<void>((resolve) => {
      acknowledge = resolve;
    });
  });
  await waitFor(() => acknowledge);
  expect(Date.now() - first.forwarder.waitedMs()).toBeCloseTo(1_764_000_000_000, -2);
  expect((await openCursor(join(directory, 'cursor.json'), () => {})).found.size).toBe(0);
  acknowledge?.();
  await waitFor(async () => (await openCursor(join(directory, 'cursor.json'), () => {})).found.size === 1);
  expect(first.forwarder.waitedMs()).toBe(0);
  await first.stop();

  await appendFile(join(directory, activeName), `garbage\n${line(3)}`);
  const again: string[] = [];
  const second = await start(async (clicks) => void again.push(...numbersOf(clicks)));
  await waitFor(() => again.length > 0);
  await second.stop();
  expect(sent).toEqual(['1', '2']);
  expect(again).toEqual(['3']);
});

test('what may stand in a spool that cannot be read has waited since reading it failed first', async () => {
  const running = await start(async () => {});
  await waitFor(() => running.looks() > 1);
  expect(running.forwarder.waitedMs()).toBe(0);
  await rename(directory, `${directory}-away`);
  await waitFor(() => running.forwarder.waitedMs() > 1_000, { what: 'the second try' });
  await rename(`${directory}-away`, directory);
  await waitFor(() => running.forwarder.waitedMs() === 0, { what: 'the next one' });
  await running.stop();
});

test('what was read is sent although the spool cannot be read any more', async () => {
  await appendFile(join(directory, activeName), line(1));
  let read = 0;
  let sent = 0;
  const count = async ({ length }: ClickRows): Promise<void> => {
    sent += length;
  };
  const running = await start(count, () => read++, 600_000);
  await waitFor(() => read === 1);
  await rename(directory, `${directory}-away`);
  await waitFor(() => sent === 1);
  await rename(`${directory}-away`, directory);
  await running.stop();
});

test('a batch waits for no more than its time, however many follow', async () => {
  let written = 0;
  let sent = 0;
  const running = await start(async ({ length }) => {
    sent += length;
  });
  for (; written < 45 && sent === 0; written++) {
    await appendFile(join(directory, activeName), line(written));
    await sleep(10);
  }
  expect(written).toBeLessThan(45);
  await running.stop();
});

test('a batch that is full waits for no more', async () => {
  await appendFile(join(directory, activeName), Array.from({ length: 50 }, (_, number) => line(number)).join(''));
  let sent = 0;
  const count = async ({ length }: ClickRows): Promise<void> => {
    sent += length;
  };
  const running = await start(count, () => {}, 600_000);
  await waitFor(() => sent === 50);
  await running.stop();
});

test('batches are sent in order, one at a time', async () => {
  // Some chunks of the spool, each of which is a batch.
  const total = 4_000;
  await appendFile(join(directory, activeName), Array.from({ length: total }, (_, number) => line(number)).join(''));
  const batches: number[][] = [];
  let flying = 0;
  let most = 0;
  const running = await start(async (clicks) => {
    most = Math.max(most, ++flying);
    await sleep(20);
    batches.push(clicks.atUs.map((atUs) => atUs - 1_764_000_000_000_000));
    flying--;
  });
  await waitFor(() => batches.flat().length >= total);
  await running.stop();
  expect(batches.length).toBeGreaterThan(2);
  expect(most).toBe(1);
  expect(batches.flat()).toEqual(Array.from({ length: total }, (_, number) => number));
});

test('a send is repeated until it is acknowledged', async () => {
  let tries = 0;
  const taken: ClickMessage[] = [];
  const publish = createPublisher(
    async (messages: readonly ClickMessage[]) => {
      if (++tries < 4) throw new Error('Kafka is away');
      taken.push(...messages);
    },
    { log: silentLog, backoff: { firstMs: 1, lastMs: 2 } },
  );
  await publish(packClicks(new ClickRows(), { edgeId: 'edge-1', partitions: 1 }), new AbortController().signal);
  expect(tries).toBe(4);
});

test('a send ends without an acknowledgement only when the process does', async () => {
  const stopping = new AbortController();
  const publish = createPublisher(() => Promise.reject(new Error('Kafka is away')), { log: silentLog });
  setTimeout(() => stopping.abort(), 20);
  await expect(publish([], stopping.signal)).rejects.toThrow();
});

test('the tap hears of a followed link while nothing can be sent', async () => {
  const tapped: string[] = [];
  const kafka = Promise.withResolvers<void>();
  await appendFile(join(directory, activeName), line(1));
  const first = await start(
    () => kafka.promise,
    ({ requestId }) => tapped.push(requestId),
  );
  await waitFor(() => tapped.length === 1, { what: 'the first click' });
  await appendFile(join(directory, activeName), line(2));
  await waitFor(() => tapped.length === 2, { what: 'the second click' });
  kafka.resolve();
  await first.stop();
});

test('the spool is looked at five times a second once nothing was read for a second, and often again after that', async () => {
  const tapped: string[] = [];
  const running = await start(
    async () => {},
    ({ requestId }) => tapped.push(requestId),
  );
  const looksIn = async (ms: number): Promise<number> => {
    const before = running.looks();
    await sleep(ms);
    return running.looks() - before;
  };
  expect(await looksIn(600)).toBeLessThanOrEqual(4);
  await appendFile(join(directory, activeName), line(1));
  await waitFor(() => tapped.length === 1, { what: 'the click' });
  expect(await looksIn(400)).toBeGreaterThan(8);
  await sleep(1_000);
  expect(await looksIn(600)).toBeLessThanOrEqual(4);
  await running.stop();
});
