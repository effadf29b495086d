import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import { createPool } from '#runtime/postgres/pool.ts';
import { createRedis, type Redis, whenReady } from '#runtime/redis/redis.ts';
import {
  cacheKey,
  decodeEntry,
  moveRelayPlace,
  relayPlace,
  relayPlaceKey,
  setIfNewer,
} from '#runtime/shortlink/cache-entry.ts';
import { linkKey } from '#runtime/shortlink/link-key.ts';
import { absentRecord, stateOf } from '#runtime/shortlink/link-record.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { partDirectory, removeDirectory } from '#runtime/testing/part.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { startValkey, type TestValkey } from '#runtime/testing/valkey.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { createChangeFeed } from '../changes/change-feed.ts';
import { postgresChangeLog } from '../changes/change-log.postgres.ts';
import type { ChangeLog } from '../changes/change-log.ts';
import { createLinks, type Links } from '../links/links.ts';
import { postgresStore } from '../store.postgres.ts';
import { newLink } from '../testing/links.ts';
import { createCacheWriters } from './cache-writer.ts';
import { startRelay } from './relay.ts';

const workspaceId = randomUUID();
const noCodes = { open: async () => {}, next: () => Promise.reject(new Error('aliases only')), discard: () => {} };
/** Nothing is written before the answer: all is the relay's to do. */
const noWrite = async (): Promise<void> => {};

let database: TestDatabase;
let valkey: TestValkey;
let pool: Pool;
let redis: Redis;
let changeLog: ChangeLog;
let links: Links;

beforeAll(async () => {
  [database, valkey] = await Promise.all([postgresFor('link'), startValkey()]);
  pool = createPool(database.url, { max: 12, maxWaiting: 200, connectTimeoutMs: 20_000, log: silentLog });
  redis = createRedis(valkey.url, { name: 'test', log: silentLog });
  await whenReady(redis);
  changeLog = postgresChangeLog(pool);
  links = createLinks({
    store: postgresStore(pool, { committed: () => void changeLog.announce() }),
    codes: noCodes,
    writeToCache: noWrite,
    cacheWriteMs: 20,
    lookalikeDelayMs: 0,
  });
});

afterAll(async () => {
  redis.disconnect();
  await pool.end();
  await Promise.all([database.drop(), valkey.stop()]);
});

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const process of running.splice(0)) await process.stop();
});

/** What a process of the link service runs for the cache. */
function startProcess(cache = redis, saveEveryMs = 50) {
  const feed = createChangeFeed({ changeLog, log: silentLog });
  const relay = startRelay({ changeLog, feed, cache: createCacheWriters(cache), log: silentLog, saveEveryMs });
  const process = {
    async stop() {
      await relay.stop();
      await feed.stop();
    },
  };
  running.push(process);
  return process;
}

async function make(alias = randomUUID()): Promise<LinkRecord> {
  return (await links.create(newLink({ workspaceId }), alias)).record;
}

async function cached(code: string, cache = redis): Promise<LinkRecord | undefined> {
  const entry = await cache.getBuffer(cacheKey(linkKey('hop.example', code)));
  return entry ? decodeEntry(entry) : undefined;
}

async function cachedState(code: string, cache = redis): Promise<string | undefined> {
  const record = await cached(code, cache);
  return record && stateOf(record, Date.now());
}

/** Runs a process until the cache has what was committed, and how far it has got is written down: what is committed from here on is owed. */
async function runUntilPaid(): Promise<void> {
  const process = startProcess();
  const { code } = await make();
  await waitFor(async () => (await cachedState(code)) === 'followable');
  const cursor = await changeLog.relayCursor();
  await waitFor(async () => (await changeLog.relayCursor()) !== cursor);
  await process.stop();
}

describe('the relay', () => {
  test('carries creations, edits, renames and deletions to the cache', async () => {
    startProcess();
    await waitFor(async () => (await changeLog.relayCursor()) !== undefined);
    const code = randomUUID();
    await setIfNewer(redis, absentRecord(linkKey('hop.example', code)));
    await make(code);
    await waitFor(async () => (await cachedState(code)) === 'followable');
    const key = linkKey('hop.example', code);
    await links.update({ workspaceId, key }, { destination: 'https://example.org/' });
    await waitFor(async () => (await cached(code))?.destination === 'https://example.org/');
    const moved = `${code}-2`;
    await links.update({ workspaceId, key }, { alias: moved });
    await waitFor(async () => (await cachedState(code)) === 'absent' && (await cachedState(moved)) === 'followable');
    await links.delete({ workspaceId, key: linkKey('hop.example', moved) });
    await waitFor(async () => (await cachedState(moved)) === 'deleted');
    await make(code);
    await waitFor(async () => (await cachedState(code)) === 'followable');
  });

  test('what was committed while no process ran is owed, and paid', async () => {
    await runUntilPaid();
    const owed = await Promise.all(Array.from({ length: 50 }, () => make()));
    startProcess();
    await waitFor(async () =>
      (await Promise.all(owed.map(({ code }) => cachedState(code)))).every((state) => state === 'followable'),
    );
  });

  test('while it pays what is owed more is committed than may wait: it goes on from what it has paid', async () => {
    await runUntilPaid();
    const resumedFrom: number[] = [];
    const read = new Set<string>();
    const log: ChangeLog = {
      ...changeLog,
      async open(woken) {
        const reader = await changeLog.open(woken);
        return {
          now: () => reader.now(),
          async read(since) {
            const reading = await reader.read(since);
            for (const { record } of reading.changes) read.add(record.code);
            return reading;
          },
          close: () => reader.close(),
        };
      },
      continuation(from) {
        resumedFrom.push(from.readAtMs);
        return changeLog.continuation(from);
      },
    };
    const feed = createChangeFeed({ changeLog: log, log: silentLog, queueLimit: 10 });
    for await (const events of feed.subscribe('', new AbortController().signal)) if (events.length > 0) break;
    const writers = createCacheWriters(redis);
    const { promise: paying, resolve: pay } = Promise.withResolvers<void>();
    let owes = false;
    const writeOwed: typeof writers.writeOwed = (...change) => {
      owes = true;
      return paying.then(() => writers.writeOwed(...change));
    };
    await make();
    const relay = startRelay({
      ...{ changeLog: log, feed, log: silentLog, saveEveryMs: 50 },
      cache: { ...writers, writeOwed },
    });
    running.push({
      async stop() {
        await relay.stop();
        await feed.stop();
      },
    });
    await waitFor(() => owes);
    const meanwhile = await Promise.all(Array.from({ length: 30 }, () => make()));
    // Only what comes while it writes, and before it goes on, waits in its queue.
    await waitFor(() => meanwhile.every(({ code }) => read.has(code)));
    pay();
    await waitFor(async () =>
      (await Promise.all(meanwhile.map(({ code }) => cachedState(code)))).every((state) => state === 'followable'),
    );
    expect(resumedFrom.length).toBeGreaterThan(1);
    expect(resumedFrom[1]).toBeGreaterThan(resumedFrom[0] ?? 0);
  });

  test('an outage of the cache loses nothing', async () => {
    startProcess();
    const before = await make();
    await waitFor(async () => (await cachedState(before.code)) === 'followable');
    await redis.call('CLIENT', 'PAUSE', '600', 'ALL');
    const during = await Promise.all(Array.from({ length: 20 }, () => make()));
    await waitFor(
      async () =>
        (await Promise.all(during.map(({ code }) => cachedState(code)))).every((state) => state === 'followable'),
      {
        timeoutMs: 10_000,
      },
    );
  });

  test('of two processes one relays, and the other takes over', async () => {
    const one = startProcess();
    startProcess();
    const first = await make();
    await waitFor(async () => (await cachedState(first.code)) === 'followable');
    await one.stop();
    const second = await make();
    await waitFor(async () => (await cachedState(second.code)) === 'followable');
  });

  test('what was written through already is not written again, but for a newer version', async () => {
    const { write, writeOwed } = createCacheWriters(redis);
    const record = await make();
    await write(record, '');
    await redis.del(cacheKey(linkKey(record.domain, record.code)));
    await writeOwed(record, '');
    expect(await cached(record.code)).toBeUndefined();
    await writeOwed({ ...record, version: record.version + 1n }, '');
    expect((await cached(record.code))?.version).toBe(record.version + 1n);
    await writeOwed(record, '');
    expect((await cached(record.code))?.version).toBe(record.version + 1n);
  });

  test('a cache is emptied of all its links, however many, and of nothing else', async () => {
    const keys = Array.from({ length: 5_000 }, (_, number) => cacheKey(linkKey('hop.example', `many-${number}`)));
    await redis.mset(keys.flatMap((key) => [key, 'x']));
    await redis.set('other', 'stays');
    await createCacheWriters(redis).forgetAll();
    expect([await redis.exists(keys), await redis.get('other')]).toEqual([0, 'stays']);
  });

  test('a cache that was started from an old copy of its data is emptied, and what it lost is not believed', async () => {
    const directory = partDirectory('valkey-old');
    onTestFinished(() => removeDirectory(directory));
    const old = await startValkey({ directory });
    onTestFinished(() => old.stop());
    // Patient: to write its data to a busy disk takes Redis longer than a redirect waits for it.
    const own = createRedis(old.url, { name: 'test', commandTimeoutMs: 2_000, log: silentLog });
    onTestFinished(() => own.disconnect());
    await whenReady(own);
    startProcess(own);
    const { code } = await make();
    await waitFor(async () => (await cached(code, own)) !== undefined && (await relayPlace(own)) !== undefined);
    await own.save();
    const saved = await relayPlace(own);
    await links.delete({ workspaceId, key: linkKey('hop.example', code) });
    await waitFor(async () => (await cachedState(code, own)) === 'deleted' && (await relayPlace(own)) !== saved);
    await old.stop();
    const again = await startValkey({ directory, port: old.port });
    onTestFinished(() => again.stop());
    await waitFor(() => own.status === 'ready', { timeoutMs: 5_000 });
    await waitFor(async () => (await cachedState(code, own)) !== 'followable', { timeoutMs: 5_000 });
    await waitFor(async () => ((await relayPlace(own)) ?? 0) > (saved ?? 0), { timeoutMs: 5_000 });
    expect(await cachedState(code, own)).not.toBe('followable');
  });

  test('what a lost connection may have taken with it is written again', async () => {
    const cursor = await changeLog.relayCursor();
    startProcess(redis, 60_000);
    await waitFor(async () => (await changeLog.relayCursor()) !== cursor);
    const { code } = await make();
    await waitFor(async () => (await cachedState(code)) === 'followable');
    // A copy that was a moment behind takes over: it has the place that was saved, and not what was written after it.
    await redis.del(cacheKey(linkKey('hop.example', code)));
    redis.disconnect(true);
    await waitFor(async () => redis.status === 'ready' && (await cachedState(code)) === 'followable');
  });

  test('the place of the cache moves only from where it is', async () => {
    await redis.del(relayPlaceKey);
    expect(await moveRelayPlace(redis, 5, 6)).toBe(false);
    expect(await moveRelayPlace(redis, undefined, 6)).toBe(true);
    expect(await moveRelayPlace(redis, undefined, 7)).toBe(false);
    expect([await moveRelayPlace(redis, 6, 8), await relayPlace(redis)]).toEqual([true, 8]);
  });

  test('a cache that was emptied is not emptied again because that cannot be saved', async () => {
    const leftOver = { ...(await make()), code: 'left-over', version: 1n };
    await setIfNewer(redis, leftOver);
    await changeLog.saveRelayCursor('garbage');
    let saves = 0;
    const unsaved: ChangeLog = {
      ...changeLog,
      saveRelayCursor() {
        saves++;
        return Promise.reject(new Error('No replica follows.'));
      },
    };
    const feed = createChangeFeed({ changeLog, log: silentLog });
    const cache = createCacheWriters(redis);
    const relay = startRelay({ changeLog: unsaved, feed, cache, log: silentLog, saveEveryMs: 50 });
    running.push({
      async stop() {
        await relay.stop();
        await feed.stop();
      },
    });
    await waitFor(() => saves > 0);
    expect(await cached('left-over')).toBeUndefined();
    await setIfNewer(redis, leftOver);
    await waitFor(() => saves > 3);
    expect(await cached('left-over')).toBeDefined();
  });

  test('a cursor that cannot be continued empties the cache', async () => {
    await setIfNewer(redis, { ...(await make()), code: 'left-over', version: 1n });
    await changeLog.saveRelayCursor('garbage');
    startProcess();
    await waitFor(async () => (await cached('left-over')) === undefined);
  });
});
