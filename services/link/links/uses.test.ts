import { randomUUID } from 'node:crypto';
import { clone, fromBinary } from '@bufbuild/protobuf';
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ChangeKind, type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { createPool } from '#runtime/postgres/pool.ts';
import { linkKey } from '#runtime/shortlink/link-key.ts';
import { timestampOf } from '#runtime/shortlink/link-record.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { postgresStore } from '../store.postgres.ts';
import type { FollowedLink, LinkStore, TakeOutcome } from '../store.ts';
import { aliasCode, newLink, recordOf } from '../testing/links.ts';
import { createUseQueue } from './use-queue.ts';

const workspaceId = randomUUID();
const never = new AbortController().signal;
let database: TestDatabase;
let pool: Pool;
let store: LinkStore;

beforeAll(async () => {
  database = await postgresFor('link');
  pool = database.openPool({ max: 8, maxWaiting: 500 });
  store = postgresStore(pool);
});
afterAll(() => database.drop());

let serial = 0;
async function made(maxClicks: number | undefined, fields: { expiresAt?: Date } = {}): Promise<LinkRecord> {
  return recordOf(await store.create(newLink({ workspaceId, ...fields, maxClicks }), aliasCode(`uses-${++serial}`)));
}

async function changed(record: LinkRecord, edit: (next: LinkRecord) => void): Promise<LinkRecord> {
  const done = await store.change({ workspaceId, key: linkKey(record.domain, record.code) }, (current) => {
    const next = clone(LinkRecordSchema, current);
    edit(next);
    return { kind: ChangeKind.UPDATED, next };
  });
  if (!('record' in done)) throw new Error(done.outcome);
  return done.record;
}

const found = async ({ domain, code }: LinkRecord) => store.find(workspaceId, linkKey(domain, code));
const used = async ({ id }: FollowedLink) => (await store.uses([id])).get(id) ?? 0;
const take = (link: FollowedLink, wanted = 1) => store.takeUses(link, wanted);

async function lastChange({ code }: LinkRecord) {
  const { rows } = await pool.query<{ kind: number; record: Buffer }>(
    'select kind, record from link_changes order by seq desc limit 1',
  );
  const record = fromBinary(LinkRecordSchema, rows[0]?.record ?? Buffer.alloc(0));
  return record.code === code ? { kind: rows[0]?.kind, record } : undefined;
}

test('a link is granted as often as it allows, and a use is no change of it until the last one is told as such', async () => {
  const link = await made(3);
  expect(link).toMatchObject({ maxClicks: 3, usedUp: false });
  for (const times of [1, 2]) {
    expect(await take(link)).toEqual({ granted: 1, record: link });
    expect([await used(link), await found(link)]).toEqual([times, link]);
  }
  expect(await take(link)).toEqual({ granted: 1, record: link });
  const after = await found(link);
  expect(after).toMatchObject({ usedUp: true, updatedAt: link.updatedAt });
  expect(after?.version).toBeGreaterThan(link.version);
  expect(await lastChange(link)).toEqual({ kind: ChangeKind.USED_UP, record: after });
  expect(await take(link)).toEqual({ granted: 0, record: after });
  expect(await used(link)).toBe(3);
});

test.each([1, 2, 50])('many at once, from two processes, are granted %i uses together', async (limit) => {
  const link = await made(limit);
  const pools = [1, 2].map(() =>
    createPool(database.url, { max: 8, maxWaiting: 500, connectTimeoutMs: 20_000, log: silentLog }),
  );
  const takes = pools.map((each) => createUseQueue(postgresStore(each)));
  const outcomes = await Promise.all(Array.from({ length: 3 * limit + 20 }, (_, at) => takes[at % 2]?.(link, never)));
  // Apart, as when each comes in a process of its own.
  const other = await made(limit);
  const single = await Promise.all(Array.from({ length: 2 * limit + 10 }, () => take(other)));
  await Promise.all(pools.map((each) => each.end()));
  expect(outcomes.filter((take) => take?.granted)).toHaveLength(limit);
  expect(single.reduce((sum, { granted }) => sum + granted, 0)).toBe(limit);
  expect([await used(link), await used(other)]).toEqual([limit, limit]);
  expect([(await found(link))?.usedUp, (await found(other))?.usedUp]).toEqual([true, true]);
});

test.each([
  [5, 3, 3],
  [3, 5, 3],
  [1, 2, 1],
])('of a limit of %i, %i at once get %i', async (limit, wanted, granted) => {
  const link = await made(limit);
  expect(await take(link, wanted)).toMatchObject({ granted });
  expect(await used(link)).toBe(granted);
});

test('raising, lowering, clearing, renaming and restoring keep what is used', async () => {
  const link = await made(2);
  await take(link, 2);
  expect(await changed(link, (next) => (next.maxClicks = 3))).toMatchObject({ usedUp: false });
  expect(await take(link)).toMatchObject({ granted: 1 });
  expect((await found(link))?.usedUp).toBe(true);
  expect(await changed(link, (next) => (next.maxClicks = 0))).toMatchObject({ usedUp: false });
  const unlimited = await found(link);
  expect(await take(link, 7)).toEqual({ granted: 7, record: unlimited });
  expect(await used(link)).toBe(3);
  const code = `renamed-${serial}`;
  expect(await changed(link, (next) => Object.assign(next, { maxClicks: 4, code }))).toMatchObject({ usedUp: false });
  expect(await take(link)).toEqual({ granted: 0, record: undefined });
  const renamed = { ...link, code };
  await changed(renamed, (next) => (next.deletedAt = timestampOf(new Date())));
  expect(await take(renamed)).toMatchObject({ granted: 0 });
  await changed(renamed, (next) => delete next.deletedAt);
  expect(await take(renamed)).toMatchObject({ granted: 1 });
  for (const [maxClicks, usedUp] of [
    [5, false],
    [4, true],
    [1, true],
  ] as const)
    expect(await changed(renamed, (next) => (next.maxClicks = maxClicks))).toMatchObject({ usedUp });
  expect(await used(renamed)).toBe(4);
});

test.each<[string, (link: LinkRecord) => Promise<unknown>]>([
  ['disabled', (link) => changed(link, (next) => (next.disabled = true))],
  ['expired', (link) => changed(link, (next) => (next.expiresAt = timestampOf(new Date(Date.now() - 1_000))))],
  ['deleted', (link) => changed(link, (next) => (next.deletedAt = timestampOf(new Date())))],
])('of a link that is %s nothing is taken', async (_state, stop) => {
  const link = await made(2);
  await stop(link);
  const refused: TakeOutcome = { granted: 0, record: await found(link) };
  expect(await take(link)).toEqual(refused);
  expect(await used(link)).toBe(0);
});

test('nothing is taken of another link that has the code by now', async () => {
  const link = await made(2);
  expect(await take({ ...link, id: randomUUID() })).toEqual({ granted: 0, record: undefined });
  expect(await used(link)).toBe(0);
});

test('a limit that was lowered while one was taken is found used up by the next that asks', async () => {
  const link = await made(5);
  await take(link, 3);
  // As if the edit had not seen the last of them.
  await pool.query('update links set max_clicks = 2 where id = $1', [link.id]);
  expect(await take(link)).toMatchObject({ granted: 0, record: { usedUp: true, maxClicks: 2 } });
  expect(await used(link)).toBe(3);
});

test('lists know the state', async () => {
  const one = await made(1);
  await take(one);
  const list = async (state: 'used_up' | 'active') => {
    const question = { workspaceId, state, orderBy: 'created_at', descending: true, limit: 100 } as const;
    return (await store.list(question)).map(({ id }) => id);
  };
  expect(await list('used_up')).toContain(one.id);
  expect(await list('active')).not.toContain(one.id);
});

test('what is left of a link that is purged has no count', async () => {
  const link = await made(2);
  await take(link);
  await changed(link, (next) => (next.deletedAt = timestampOf(new Date(Date.now() - 1_000))));
  expect(await store.purge(link, 0)).toBe(true);
  expect(await used(link)).toBe(0);
  expect((await pool.query('select from link_uses where link_id = $1', [link.id])).rowCount).toBe(0);
});

test('a name that the link has no longer is answered apart from the one that it has', async () => {
  const link = await made(9);
  const takeUse = createUseQueue(store);
  const [right, wrong] = await Promise.all([takeUse(link, never), takeUse({ ...link, code: 'before' }, never)]);
  expect([right.granted, wrong]).toEqual([true, { granted: false, record: undefined }]);
});

test('a thousand who follow a link at once wait for their turn, and no more', async () => {
  const link = await made(undefined);
  const takeUse = createUseQueue({ takeUses: () => new Promise(() => {}) });
  for (let call = 0; call < 1_001; call++) void takeUse(link, never);
  await expect(takeUse(link, never)).rejects.toMatchObject({ reason: 'OVERLOADED' });
});

test('what came while one question was under way is one question, and nothing is taken for who has left', async () => {
  const link = await made(undefined);
  const asked: number[] = [];
  let answer = (_: TakeOutcome): void => {};
  const takeUse = createUseQueue({
    takeUses: (_link, wanted) => {
      asked.push(wanted);
      return new Promise((resolve) => {
        answer = resolve;
      });
    },
  });
  const leaving = new AbortController();
  const first = takeUse(link, never);
  const [second, third] = [takeUse(link, never), takeUse(link, never)];
  void takeUse(link, leaving.signal);
  leaving.abort();
  answer({ granted: 1, record: link });
  expect(await first).toMatchObject({ granted: true });
  await expect.poll(() => asked).toEqual([1, 2]);
  answer({ granted: 1, record: link });
  expect(await second).toMatchObject({ granted: true });
  await expect.poll(() => asked).toEqual([1, 2, 1]);
  answer({ granted: 0, record: link });
  expect(await third).toMatchObject({ granted: false });
});
