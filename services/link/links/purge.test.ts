import { randomUUID } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { ChangeKind, type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { linkKey } from '#runtime/shortlink/link-key.ts';
import { absentRecord, timestampOf } from '#runtime/shortlink/link-record.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { postgresStore } from '../store.postgres.ts';
import type { LinkStore } from '../store.ts';
import { aliasCode, newLink, recordOf } from '../testing/links.ts';
import { createPurge } from './purge.ts';

const days = (count: number): number => count * 86_400_000;
const workspaceId = randomUUID();
let database: TestDatabase;
let pool: Pool;
let store: LinkStore;
let erased: string[];
let commits = 0;

beforeAll(async () => {
  database = await postgresFor('link');
  pool = database.openPool({ max: 4 });
  store = postgresStore(pool, { committed: () => commits++ });
});
afterAll(() => database.drop());
beforeEach(() => {
  erased = [];
});

const purge = (
  eraseClicks = async (ids: readonly string[]): Promise<void> => void erased.push(...ids),
  signal = new AbortController().signal,
) => createPurge({ store, eraseClicks, log: silentLog })(100, signal);

const made = async (code: string): Promise<LinkRecord> =>
  recordOf(await store.create(newLink({ workspaceId }), aliasCode(code)));

/** Deletes it, as of so many milliseconds ago; undefined restores it. */
async function deleted({ domain, code }: LinkRecord, agoMs: number | undefined): Promise<void> {
  await store.change({ workspaceId, key: linkKey(domain, code) }, ({ deletedAt: _, ...current }, now) => {
    const at = agoMs === undefined ? {} : { deletedAt: timestampOf(new Date(now.getTime() - agoMs)) };
    return { kind: ChangeKind.DELETED, next: { ...current, ...at } };
  });
}

const found = ({ domain, code }: LinkRecord) => store.find(workspaceId, linkKey(domain, code));

test('a link that can still be restored stays, and so do its clicks', async () => {
  const record = await made('kept');
  await deleted(record, days(30) + 1_000);
  expect(await purge()).toBe(0);
  expect((await found(record))?.deletedAt).toBeDefined();
  expect(erased).toEqual([]);
});

test('after that its clicks are erased, then it goes, and everybody is told from which version on', async () => {
  const record = await made('gone');
  await deleted(record, days(31));
  const before = await found(record);
  const commitsBefore = commits;
  expect(
    await purge(async (ids) => {
      expect(await found(record)).toBeDefined();
      erased.push(...ids);
    }),
  ).toBe(1);
  expect(erased).toEqual([record.id]);
  expect(await found(record)).toBeUndefined();
  expect(commits).toBe(commitsBefore + 1);
  const { rows } = await pool.query('select kind, record, previous_code from link_changes order by seq desc limit 1');
  const told = fromBinary(LinkRecordSchema, rows[0].record);
  expect(rows[0]).toMatchObject({ kind: ChangeKind.PURGED, previous_code: '' });
  expect(told).toEqual(absentRecord(record, told.version));
  expect(told.version).toBeGreaterThan(before?.version ?? told.version);
  expect((await made('gone')).version).toBeGreaterThan(told.version);
  expect(await purge()).toBe(0);
});

test('while its clicks cannot be erased it stays, and the next try finds it', async () => {
  const record = await made('waiting');
  await deleted(record, days(40));
  await expect(purge(() => Promise.reject(new Error('analytics is away')))).rejects.toThrow('away');
  expect(await found(record)).toBeDefined();
  expect(await purge()).toBe(1);
  expect(erased).toEqual([record.id]);
  expect(await found(record)).toBeUndefined();
});

test('a process that stops meanwhile leaves it to the next', async () => {
  const record = await made('left');
  await deleted(record, days(31));
  const stopping = new AbortController();
  await purge(async () => stopping.abort(), stopping.signal);
  expect(await found(record)).toBeDefined();
  expect(await purge()).toBe(1);
});

test('of several processes one purges it; a link that was restored, or made anew under its code, is not touched', async () => {
  const [first, restored, renewed] = [await made('first'), await made('restored'), await made('renewed')];
  for (const record of [first, restored, renewed]) await deleted(record, days(31));
  const stale = await store.findPurgeable(days(30.5), 10);
  await deleted(restored, undefined);
  await pool.query('delete from links where code = $1', ['renewed']);
  const anew = await made('renewed');
  await deleted(anew, days(31));
  const outcomes = await Promise.all([...stale, ...stale].map((link) => store.purge(link, days(30.5))));
  expect(outcomes.filter(Boolean)).toHaveLength(1);
  expect(await found(first)).toBeUndefined();
  expect((await found(restored))?.id).toBe(restored.id);
  expect((await found(anew))?.id).toBe(anew.id);
});
