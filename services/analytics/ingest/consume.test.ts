import { randomUUID } from 'node:crypto';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { expect, onTestFinished, test } from 'vitest';
import { ClickBatchSchema } from '#gen/event/v1/click_pb.ts';
import { createPool } from '#runtime/postgres/pool.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { startTracing } from '#runtime/telemetry/tracing.ts';
import { postgresStore } from '../store.postgres.ts';
import { TookTooLong } from '../store.ts';
import { encodeClicks, testClick } from '../testing/clicks.ts';
import { clicksOf, message, useConsume } from '../testing/consume-fixture.ts';
import { newPartition } from '../testing/test-store.ts';
import { createLag, type Lag } from './lag.ts';

const on = useConsume();

test('stores what comes, in several transactions, and answers the offset behind it', async () => {
  const linkId = randomUUID();
  const consume = on.consume();
  const messages = [0, 1, 2, 3].map((offset) => message(offset, clicksOf(linkId, 7)));
  expect(await consume(on.fetched(messages))).toBe(4n);
  expect(await on.countOf(linkId)).toBe(28);
  expect(await on.store.position('clicks', on.partition)).toBe(4n);
});

test('partitions of one fetch share a transaction', async () => {
  const linkIds = [randomUUID(), randomUUID()];
  const consume = on.consume();
  const both = linkIds.map(newPartition);
  for (const offset of [0, 1]) {
    await Promise.all(
      linkIds.map((linkId, n) =>
        consume({ ...on.fetched([message(offset, clicksOf(linkId, 2))]), partition: both[n] as number }),
      ),
    );
  }
  const { rows } = await on.pool.query<{ partition: number; xmin: string; next_offset: string }>(
    "select partition, xmin::text, next_offset from consumer_offsets where topic = 'clicks' and partition = any($1)",
    [both],
  );
  expect(rows.map(({ next_offset }) => next_offset)).toEqual(['2', '2']);
  expect(rows[0]?.xmin).toBe(rows[1]?.xmin);
  expect(await Promise.all(linkIds.map(on.countOf))).toEqual([4, 4]);
});

test('what is dated far ahead, or before what is kept, is not counted', async () => {
  const linkId = randomUUID();
  const days = (count: number): number => Date.now() * 1_000 + count * 86_400_000_000;
  const clicks = [days(0), days(2), days(-402)].map((atUs) => testClick({ linkId, atUs }));
  expect(await on.consume()(on.fetched([message(0, encodeClicks(clicks))]))).toBe(1n);
  expect(await on.countOf(linkId)).toBe(1);
});

test('what was stored before does not count as waiting: neither the message before the position nor a fetch that is tried again', async () => {
  const told: (readonly [number, number | undefined])[] = [];
  const oldest: (() => number | undefined)[] = [];
  const spied: Lag = {
    ...createLag(),
    stored: (_, behind) => void told.push([behind, oldest.at(-1)?.()]),
    whileWaiting(...[, step, read]) {
      if (read) oldest.push(read.oldestUs);
      return step();
    },
  };
  const consume = on.consume({ lag: spied });
  const at = (atUs: number) => encodeClicks([testClick({ linkId: randomUUID(), atUs })]);
  const startUs = Date.now() * 1_000;
  const messages = [0, 1, 2].map((offset) => message(offset, at(startUs + offset)));
  await consume(on.fetched(messages.slice(0, 2)));
  told.length = 0;
  await consume(on.fetched(messages.slice(1, 2)));
  expect(told).toEqual([[0, undefined]]);
  told.length = 0;
  await consume(on.fetched(messages));
  expect(told[0]).toEqual([1, startUs + 2]);
});

test('a message that waits is read once for whoever asks how old it is', async () => {
  let asked: () => number | undefined = () => undefined;
  const away = { ...on.store, position: () => Promise.reject(new Error('Connection terminated')) };
  const spied: Lag = {
    ...createLag(),
    whileWaiting(...[, step, read]) {
      if (read) asked = read.oldestUs;
      return step();
    },
  };
  const atUs = Date.now() * 1_000;
  const value = encodeClicks([testClick({ linkId: randomUUID(), atUs })]);
  let reads = 0;
  const waiting = {
    ...message(0, value),
    get value() {
      reads += 1;
      return value;
    },
  };
  await expect(on.consume({ lag: spied, store: away })(on.fetched([waiting]))).rejects.toThrow();
  expect([asked(), asked(), asked()]).toEqual([atUs, atUs, atUs]);
  expect(reads).toBe(1);
});

test('what took too long is stored without the merge that held it up', async () => {
  const linkId = randomUUID();
  const hurried = createPool(on.database.url, {
    max: 2,
    statementTimeoutMs: 300,
    connectTimeoutMs: 20_000,
    log: silentLog,
  });
  onTestFinished(() => hurried.end());
  const consume = on.consume({ store: postgresStore(hurried, { entries: 1, links: 10 }) });
  const messages = [message(0, clicksOf(linkId, 3)), message(1, clicksOf(linkId, 3))];
  const other = await on.pool.connect();
  await other.query('begin; lock table click_hour_values in share mode');
  await expect(consume(on.fetched(messages))).rejects.toBeInstanceOf(TookTooLong);
  expect(await consume(on.fetched(messages))).toBe(2n);
  await other.query('rollback');
  other.release();
  expect(await on.countOf(linkId)).toBe(6);
  // Later ones merge again.
  expect(await consume(on.fetched([message(2, clicksOf(linkId, 1))]))).toBe(3n);
  expect((await on.pool.query('select from click_value_deltas where link_id = $1', [linkId])).rowCount).toBe(0);
});

test('a partition that a process which stands still holds is waited for, and stored as ever once it is free', async () => {
  const linkId = randomUUID();
  const hurried = createPool(on.database.url, { max: 2, statementTimeoutMs: 300, log: silentLog });
  onTestFinished(() => hurried.end());
  const consume = on.consume({ store: postgresStore(hurried, { entries: 1, links: 10 }) });
  const messages = [message(0, clicksOf(linkId, 3)), message(1, clicksOf(linkId, 3))];
  expect(await consume(on.fetched(messages.slice(0, 1)))).toBe(1n);
  const other = await on.pool.connect();
  await other.query("begin; update consumer_offsets set moved_at = now() where topic = 'clicks'");
  const fault = await consume(on.fetched(messages)).catch((error: unknown) => error);
  expect(fault).toMatchObject({ code: '57014' });
  await other.query('rollback');
  other.release();
  expect(await consume(on.fetched(messages))).toBe(2n);
  expect((await on.pool.query('select from click_value_deltas where link_id = $1', [linkId])).rowCount).toBe(0);
});

test('what takes too long is offered in ever smaller parts, and in larger ones again afterwards', async () => {
  const linkId = randomUUID();
  const sizes: number[] = [];
  let most = 4;
  const slow = {
    ...on.store,
    take: async (delivery: Parameters<typeof on.store.take>[0]) => {
      const size = delivery.batches.reduce((sum, { atUs }) => sum + atUs.length, 0);
      sizes.push(size);
      if (size > most) throw new TookTooLong('the statement was canceled');
      return on.store.take(delivery);
    },
  };
  const consume = on.consume({ store: slow });
  const messages = Array.from({ length: 8 }, (_, offset) => message(offset, clicksOf(linkId, 2)));
  const all = on.fetched(messages);
  for (const parts of [[10], [6]]) {
    await expect(consume(all)).rejects.toThrow();
    expect(sizes.splice(0)).toEqual(parts);
  }
  expect(await consume(all)).toBe(8n);
  expect(sizes.splice(0)).toEqual([4, 4, 4, 4]);
  expect(await on.countOf(linkId)).toBe(16);
  most = 10;
  const more = [8, 9, 10, 11, 12].map((offset) => message(offset, clicksOf(linkId, 2)));
  expect(await consume(on.fetched(more.slice(0, 3)))).toBe(11n);
  expect(await consume(on.fetched(more.slice(3)))).toBe(13n);
  expect(sizes).toEqual([6, 4]);
});

test('what was stored of traced clicks is a span of its own, linked to those of their sending', async () => {
  const exporter = new InMemorySpanExporter();
  const tracing = await startTracing(
    { instance: 'analytics', otlpEndpoint: undefined },
    new SimpleSpanProcessor(exporter),
  );
  onTestFinished(() => tracing.stop());
  const sender = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
  const traceContexts = Buffer.from(sender.traceId + sender.spanId, 'hex');
  const plain = fromBinary(ClickBatchSchema, clicksOf(randomUUID(), 3));
  const traced = Buffer.from(toBinary(ClickBatchSchema, { ...plain, traceContexts }));
  const consume = on.consume({ batchClicks: 1 });
  await consume(on.fetched([message(0, clicksOf(randomUUID(), 2)), message(1, traced)]));
  const [span, ...others] = exporter.getFinishedSpans();
  expect(others).toEqual([]);
  expect(span).toMatchObject({ name: 'process clicks', links: [{ context: sender }] });
});
