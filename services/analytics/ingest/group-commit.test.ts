import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { createPool } from '#runtime/postgres/pool.ts';
import { type Log, silentLog } from '#runtime/telemetry/log.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { postgresLiveStore } from '../live/live-clicks.postgres.ts';
import { postgresStore } from '../store.postgres.ts';
import { type Delivery, RowsRefused } from '../store.ts';
import { soundBatch, type TestClick, testClick } from '../testing/clicks.ts';
import { createGroupCommit } from './group-commit.ts';

let database: TestDatabase;
let pool: Pool;
let store: ReturnType<typeof postgresStore>;

beforeAll(async () => {
  database = await postgresFor('analytics');
  pool = poolOf(4);
  store = postgresStore(pool);
  await pool.query("alter table clicks add constraint no_poison check (code <> 'poison')");
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const poolOf = (max: number, statementTimeoutMs = 20_000): Pool =>
  createPool(database.url, { max, statementTimeoutMs, connectTimeoutMs: 20_000, log: silentLog });

let partitions = 0;
/** A partition of which one message was stored, and its next delivery. */
async function partitionWith(clicks: readonly TestClick[]): Promise<Delivery> {
  const first = {
    topic: 'clicks',
    partition: partitions++,
    expected: undefined,
    next: 1n,
    batches: [],
    notBeforeUs: 0,
  };
  await store.take(first);
  return { ...first, expected: 1n, next: 2n, batches: [soundBatch(clicks)] };
}
const positionOf = ({ topic, partition }: Delivery) => store.position(topic, partition);
const clicksOn = (linkId: string, count: number) => Array.from({ length: count }, () => testClick({ linkId }));

/** By link, its clicks as rows and as the total, and the transaction that wrote the rows. */
async function storedOf(linkIds: readonly string[]) {
  const { rows } = await pool.query<{ link_id: string; clicks: number; total: number; xmin: string }>(
    `select c.link_id, count(*)::int as clicks, max(t.clicks)::int as total, c.xmin::text
     from clicks c join click_totals t using (link_id) where c.link_id = any($1) group by c.link_id, c.xmin::text`,
    [linkIds],
  );
  return linkIds.map((linkId) => rows.filter((row) => row.link_id === linkId));
}

function groupCommit(options: { batchClicks?: number; log?: Log; now?: () => number; from?: typeof store } = {}) {
  const { batchClicks = 100, log = silentLog, now = Date.now, from = store } = options;
  return createGroupCommit({ store: from, log, batchClicks, now });
}

test('what waits at the same moment is stored in one transaction, with the offset of each partition', async () => {
  const linkIds = [randomUUID(), randomUUID(), randomUUID()];
  const live = postgresLiveStore(pool);
  await live.watch(randomUUID(), linkIds.slice(1), 30_000);
  const positions = await live.livePositions();
  const deliveries = await Promise.all(linkIds.map((linkId) => partitionWith(clicksOn(linkId, 3))));
  expect(await Promise.all(deliveries.map(groupCommit()))).toEqual(['stored', 'stored', 'stored']);
  const stored = (await storedOf(linkIds)).flat();
  expect(stored.map(({ clicks, total }) => [clicks, total])).toEqual([
    [3, 3],
    [3, 3],
    [3, 3],
  ]);
  expect(new Set(stored.map(({ xmin }) => xmin)).size).toBe(1);
  expect(await Promise.all(deliveries.map(positionOf))).toEqual([2n, 2n, 2n]);
  const look = await live.liveSince(positions);
  if (look === 'replaced') throw new Error('There is one primary.');
  expect(look.deliveries.map(({ linkId, total }) => [linkId, total]).sort()).toEqual(
    linkIds
      .slice(1)
      .map((linkId) => [linkId, 3])
      .sort(),
  );
});

test('what comes while a transaction is under way shares the next', async () => {
  const linkIds = [randomUUID(), randomUUID(), randomUUID()];
  const [first, ...later] = await Promise.all(linkIds.map((linkId) => partitionWith(clicksOn(linkId, 1))));
  let others: Promise<unknown> | undefined;
  const take = groupCommit({
    from: {
      ...store,
      take: (delivery) => {
        others ??= Promise.all(later.map(take));
        return store.take(delivery);
      },
    },
  });
  await take(first as Delivery);
  await others;
  const xmins = (await storedOf(linkIds)).map(([row]) => row?.xmin);
  expect(xmins[1]).toBe(xmins[2]);
  expect(xmins[0]).not.toBe(xmins[1]);
});

test('a transaction has no more clicks than it may, and a partition’s first delivery or one that took too long is alone', async () => {
  const linkIds = Array.from({ length: 6 }, () => randomUUID());
  const deliveries = await Promise.all(linkIds.map((linkId) => partitionWith(clicksOn(linkId, 4))));
  const fifth = { ...(deliveries[4] as Delivery), mergedLinks: 1 };
  const sixth = { ...(deliveries[5] as Delivery), partition: partitions++, expected: undefined };
  await Promise.all([...deliveries.slice(0, 4), fifth, sixth].map(groupCommit({ batchClicks: 8 })));
  const xmins = (await storedOf(linkIds)).map(([row]) => row?.xmin);
  expect(xmins[0]).toBe(xmins[1]);
  expect(xmins[2]).toBe(xmins[3]);
  expect(new Set(xmins).size).toBe(4);
});

test('what has more clicks than there is room for keeps out none that have fewer', async () => {
  const linkIds = [randomUUID(), randomUUID(), randomUUID()];
  const clicks = linkIds.map((linkId, n) => clicksOn(linkId, n === 1 ? 10 : 4));
  await Promise.all((await Promise.all(clicks.map(partitionWith))).map(groupCommit({ batchClicks: 8 })));
  const xmins = (await storedOf(linkIds)).map(([row]) => row?.xmin);
  expect(xmins[0]).toBe(xmins[2]);
  expect(xmins[0]).not.toBe(xmins[1]);
});

test('of several partitions one that somebody else has moved on changes nothing, and the others are stored', async () => {
  const linkIds = [randomUUID(), randomUUID(), randomUUID()];
  const deliveries = await Promise.all(linkIds.map((linkId) => partitionWith(clicksOn(linkId, 2))));
  const { batches: _, ...moved } = deliveries[1] as Delivery;
  await store.take({ ...moved, next: 9n, batches: [] });
  expect(await Promise.all(deliveries.map(groupCommit()))).toEqual(['stored', 'overtaken', 'stored']);
  expect((await storedOf(linkIds)).map(([row]) => row?.total)).toEqual([2, undefined, 2]);
  expect(await Promise.all(deliveries.map(positionOf))).toEqual([2n, 9n, 2n]);
});

test('a partition that a process which stands still holds keeps no other waiting', async () => {
  const linkIds = [randomUUID(), randomUUID(), randomUUID()];
  const deliveries = await Promise.all(linkIds.map((linkId) => partitionWith(clicksOn(linkId, 2))));
  const held = deliveries[2] as Delivery;
  const other = await pool.connect();
  await other.query('begin');
  await other.query('select from consumer_offsets where topic = $1 and partition = $2 for update', [
    held.topic,
    held.partition,
  ]);
  const taking = deliveries.map(groupCommit());
  expect(await Promise.all(taking.slice(0, 2))).toEqual(['stored', 'stored']);
  expect((await storedOf(linkIds)).map(([row]) => row?.total)).toEqual([2, 2, undefined]);
  await other.query('rollback');
  other.release();
  expect(await taking[2]).toBe('stored');
});

test('rows that cannot be stored are refused to the one that has them', async () => {
  const linkIds = [randomUUID(), randomUUID(), randomUUID()];
  const clicks = linkIds.map((linkId, n) => [testClick({ linkId, code: n === 1 ? 'poison' : 'abc' })]);
  const deliveries = await Promise.all(clicks.map(partitionWith));
  const [first, second, third] = await Promise.allSettled(deliveries.map(groupCommit()));
  expect([first, third]).toEqual([
    { status: 'fulfilled', value: 'stored' },
    { status: 'fulfilled', value: 'stored' },
  ]);
  expect(second).toMatchObject({ status: 'rejected', reason: expect.any(RowsRefused) });
  expect((await storedOf(linkIds)).map(([row]) => row?.total)).toEqual([1, undefined, 1]);
  expect(await Promise.all(deliveries.map(positionOf))).toEqual([2n, 1n, 2n]);
});

test('clicks that are there already, or twice among those that wait, count once', async () => {
  const known = testClick();
  const twin = testClick();
  const fresh = testClick();
  await store.take(await partitionWith([known]));
  const deliveries = await Promise.all([[known, fresh], [twin], [twin]].map(partitionWith));
  expect(await Promise.all(deliveries.map(groupCommit()))).toEqual(['stored', 'stored', 'stored']);
  const stored = await storedOf([known, twin, fresh].map(({ linkId }) => linkId));
  expect(stored.flat().map(({ clicks, total }) => [clicks, total])).toEqual([
    [1, 1],
    [1, 1],
    [1, 1],
  ]);
  expect(await Promise.all(deliveries.map(positionOf))).toEqual([2n, 2n, 2n]);
});

test('what takes too long together is stored one by one, and nothing together for a minute', async () => {
  const hurried = poolOf(2, 400);
  onTestFinished(() => hurried.end());
  const warnings: unknown[] = [];
  const log = { ...silentLog, warn: (fields: unknown) => void warnings.push(fields) } as Log;
  let nowMs = 0;
  // Both merge their link, which has to wait; alone they merge nothing.
  const slow = postgresStore(hurried, { entries: 1, links: 2 });
  const quick = postgresStore(hurried);
  const take = groupCommit({ from: { ...slow, take: quick.take }, log, now: () => nowMs });
  const linkIds = Array.from({ length: 6 }, () => randomUUID());
  const deliveries = await Promise.all(linkIds.map((linkId) => partitionWith(clicksOn(linkId, 2))));
  const other = await pool.connect();
  await other.query('begin; lock table click_hour_values in share mode');
  expect(await Promise.all(deliveries.slice(0, 2).map(take))).toEqual(['stored', 'stored']);
  await other.query('rollback');
  other.release();
  nowMs = 59_999;
  await Promise.all(deliveries.slice(2, 4).map(take));
  nowMs = 60_000;
  await Promise.all(deliveries.slice(4).map(take));
  const stored = (await storedOf(linkIds)).flat();
  expect(stored.map(({ total }) => total)).toEqual([2, 2, 2, 2, 2, 2]);
  expect(stored[4]?.xmin).toBe(stored[5]?.xmin);
  expect(new Set(stored.map(({ xmin }) => xmin)).size).toBe(5);
  expect(warnings).toEqual([expect.objectContaining({ partitions: deliveries.slice(0, 2).map((d) => d.partition) })]);
});

test('while the store does not answer all of them are to be tried again, none is asked for alone at once, and each is then', async () => {
  const own = poolOf(1);
  onTestFinished(() => own.end());
  const answering = postgresStore(own);
  let alone = 0;
  const counted: typeof store = {
    ...answering,
    take(delivery) {
      alone++;
      return answering.take(delivery);
    },
  };
  const take = groupCommit({ from: counted });
  const linkIds = [randomUUID(), randomUUID()];
  const deliveries = await Promise.all(linkIds.map((linkId) => partitionWith(clicksOn(linkId, 2))));
  const other = await pool.connect();
  await other.query('begin; lock table clicks in share mode');
  const taking = Promise.allSettled(deliveries.map(take));
  const ended =
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query ~ '^copy'";
  await waitFor(async () => ((await pool.query(ended)).rowCount ?? 0) > 0, { timeoutMs: 20_000, what: 'its copy' });
  await other.query('rollback');
  other.release();
  expect((await taking).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(alone).toBe(0);
  // It may be one of them that the store cannot bear.
  expect(await Promise.all(deliveries.map(take))).toEqual(['stored', 'stored']);
  expect(alone).toBe(2);
  expect((await storedOf(linkIds)).map(([row]) => row?.total)).toEqual([2, 2]);
});
