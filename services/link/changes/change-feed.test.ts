import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createPool } from '#runtime/postgres/pool.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { postgresStore } from '../store.postgres.ts';
import type { LinkStore } from '../store.ts';
import { aliasCode, newLink } from '../testing/links.ts';
import { readCursor, writeCursor } from './change-cursor.ts';
import { type ChangeFeed, createChangeFeed, type FeedSettings } from './change-feed.ts';
import { postgresChangeLog } from './change-log.postgres.ts';
import { type ChangeLog, mostMissed } from './change-log.ts';
import type { WatchEvent } from './subscription.ts';

let database: TestDatabase;
let pool: Pool;
let watchPool: Pool;
let changeLog: ChangeLog;
let store: LinkStore;
const feeds: ChangeFeed[] = [];
const workspaceId = randomUUID();

beforeAll(async () => {
  database = await postgresFor('link');
  pool = createPool(database.url, {
    max: 8,
    maxWaiting: 500,
    connectTimeoutMs: 20_000,
    statementTimeoutMs: 10_000,
    log: silentLog,
  });
  watchPool = createPool(database.url, { max: 8, connectTimeoutMs: 20_000, log: silentLog });
  changeLog = postgresChangeLog(watchPool);
  store = postgresStore(pool, { committed: () => void changeLog.announce() });
});

afterEach(async () => {
  for (const feed of feeds.splice(0)) await feed.stop();
});

afterAll(async () => {
  await pool.end();
  await watchPool.end();
  await database.drop();
});

function openFeed(settings: Partial<FeedSettings> = {}): ChangeFeed {
  const feed = createChangeFeed({ changeLog, log: silentLog, ...settings });
  feeds.push(feed);
  return feed;
}

/** A watcher that notes all it is told. */
function watch(feed: ChangeFeed, cursor = '') {
  const events: WatchEvent[] = [];
  const leaving = new AbortController();
  let failure: unknown;
  const done = (async () => {
    for await (const batch of feed.subscribe(cursor, leaving.signal)) events.push(...batch);
  })().catch((error: unknown) => {
    failure = error;
  });
  const codes = () => events.flatMap((event) => (event.type === 'change' ? [event.change.record.code] : []));
  return {
    events,
    codes,
    failure: () => failure,
    heartbeats: () => events.filter((event) => event.type === 'heartbeat'),
    cursor: () => {
      const heartbeat = events.findLast((event) => event.type === 'heartbeat');
      return heartbeat ? writeCursor(heartbeat.cursor) : '';
    },
    /** Resolves once a heartbeat came that was read after now. */
    async caughtUp() {
      const start = events.length;
      await waitFor(() => events.slice(start).filter(({ type }) => type === 'heartbeat').length >= 2, {
        timeoutMs: 5_000,
      });
    },
    async leave() {
      leaving.abort();
      await done;
    },
  };
}

let serial = 0;
async function make(code = `c-${++serial}`): Promise<string> {
  await store.create(newLink({ workspaceId }), aliasCode(code));
  return code;
}

test('a new watcher has two heartbeats without waiting for their time', async () => {
  const feed = openFeed({ heartbeatMs: 60_000, pollMs: 1_000 });
  const first = watch(feed);
  await waitFor(() => first.heartbeats().length === 2);
  const second = watch(feed);
  await waitFor(() => second.heartbeats().length === 2);
  expect(first.heartbeats().length).toBe(4);
});

describe('watching', () => {
  test('every change is told after its commit', async () => {
    const watcher = watch(openFeed());
    await watcher.caughtUp();
    for (let at = 0; at < 20; at++) {
      const code = await make();
      await waitFor(() => watcher.codes().includes(code), { timeoutMs: 10_000, intervalMs: 1 });
    }
    await watcher.leave();
  });

  test('an open transaction elsewhere delays nothing, and its own change is told when it commits', async () => {
    const watcher = watch(openFeed());
    await watcher.caughtUp();
    const hanging = await pool.connect();
    await hanging.query('begin');
    await hanging.query('select pg_current_xact_id()');
    const codes = [await make(), await make(), await make()];
    await waitFor(() => codes.every((code) => watcher.codes().includes(code)), { timeoutMs: 5_000 });
    // The hanging transaction is older than all of these and writes last.
    const held = await pool.query('select record from link_changes order by seq desc limit 1');
    await watcher.caughtUp();
    await hanging.query('insert into link_changes (kind, record, changed_at) values (2, $1, now())', [
      held.rows[0].record,
    ]);
    await watcher.caughtUp();
    const before = watcher.codes().length;
    await hanging.query('commit');
    hanging.release();
    await waitFor(() => watcher.codes().length === before + 1, { timeoutMs: 5_000 });
    await watcher.caughtUp();
    expect(watcher.codes().length).toBe(before + 1);
    await watcher.leave();
  });

  test('none is skipped among many that commit out of order', async () => {
    const watcher = watch(openFeed({ pollMs: 5 }));
    await watcher.caughtUp();
    const written = await Promise.all(
      Array.from({ length: 200 }, async (_, at) => {
        const client = await pool.connect();
        try {
          await client.query('begin');
          await client.query('insert into link_changes (kind, record, changed_at) values (2, $1, now())', [
            Buffer.from([0x1a, 5, ...Buffer.from(`x-${String(at).padStart(3, '0')}`)]),
          ]);
          await sleep(Math.random() * 30);
          await client.query(at % 10 === 0 ? 'rollback' : 'commit');
          return at % 10 === 0 ? [] : [`x-${String(at).padStart(3, '0')}`];
        } finally {
          client.release();
        }
      }),
    );
    await watcher.caughtUp();
    expect(watcher.codes().sort()).toEqual(written.flat().sort());
    await watcher.leave();
  });

  test('more changes than one look takes are all told', async () => {
    const watcher = watch(openFeed());
    await watcher.caughtUp();
    await pool.query(
      `insert into link_changes (kind, record, changed_at)
       select 2, '\\x1a0162'::bytea, now() from generate_series(1, 7_500)`,
    );
    await waitFor(() => watcher.codes().length >= 7_500, { timeoutMs: 5_000 });
    await watcher.leave();
  });
});

describe('resuming', () => {
  test('a watcher is told what it missed, and what hung at its cursor', async () => {
    const feed = openFeed();
    const first = watch(feed);
    await first.caughtUp();
    const hanging = await pool.connect();
    await hanging.query('begin');
    await hanging.query(
      "insert into link_changes (kind, record, changed_at) values (2, '\\x1a0768616e67696e67', now() - interval '1 hour')",
    );
    await first.caughtUp();
    const cursor = first.cursor();
    await first.leave();
    const codes = [await make(), await make()];
    await hanging.query('commit');
    hanging.release();
    const second = watch(feed, cursor);
    await second.caughtUp();
    expect(second.codes()).toEqual(expect.arrayContaining([...codes, 'hanging']));
    expect(second.events.some(({ type }) => type === 'resynchronise')).toBe(false);
    await second.leave();
  });

  test('many pages are told without a gap', async () => {
    const feed = openFeed();
    const first = watch(feed);
    await first.caughtUp();
    const cursor = first.cursor();
    await first.leave();
    await pool.query(
      `insert into link_changes (kind, record, changed_at)
       select 2, '\\x1a0170'::bytea, now() from generate_series(1, 4_321)`,
    );
    const second = watch(feed, cursor);
    await second.caughtUp();
    // What came in between may be told twice: by the loop, and as missed.
    const told = second.events.flatMap((event) =>
      event.type === 'change' && event.change.record.code === 'p' ? [event.change.seq] : [],
    );
    expect(new Set(told).size).toBe(4_321);
    await second.leave();
  });

  test('one who missed more than is told again begins anew, and not after a look at all of it', async () => {
    const before = openFeed();
    const { cursor } = await missSome(before);
    await before.stop();
    await pool.query(
      `insert into link_changes (kind, record, changed_at)
       select 2, '\\x1a0170'::bytea, now() from generate_series(1, ${mostMissed})`,
    );
    const watcher = watch(openFeed(), cursor);
    await watcher.caughtUp();
    expect(watcher.events[0]?.type).toBe('resynchronise');
    expect(watcher.codes()).toEqual([]);
    await watcher.leave();
    await pool.query('truncate link_changes');
  });

  /** What a watcher is told that comes with the cursor, until it has caught up. */
  async function catchUp(feed: ChangeFeed, cursor: string) {
    const codes: string[] = [];
    const leaving = AbortSignal.timeout(5_000);
    for await (const events of feed.subscribe(cursor, leaving)) {
      for (const event of events) {
        if (event.type === 'change') codes.push(event.change.record.code);
        if (event.type === 'caught_up') return { codes, cursor: writeCursor(event.cursor) };
      }
    }
    throw new Error('It was not told that it has caught up.');
  }

  /** A cursor, and the changes since. */
  async function missSome(feed: ChangeFeed) {
    const first = watch(feed);
    await first.caughtUp();
    const cursor = first.cursor();
    await first.leave();
    return { cursor, codes: [await make(), await make()] };
  }

  test('what was missed ends with a later cursor: whoever is too slow for what came meanwhile need not begin at the old one', async () => {
    const feed = openFeed();
    const present = watch(feed);
    const { cursor, codes } = await missSome(feed);
    await present.caughtUp();
    const told = await catchUp(feed, cursor);
    expect(told.codes).toEqual(expect.arrayContaining(codes));
    expect(readCursor(told.cursor)?.readAtMs).toBeGreaterThan(readCursor(cursor)?.readAtMs ?? 0);
    await present.leave();
  });

  test("so it does in a process's first moments, and when the primary's clock was set back since the cursor", async () => {
    const { cursor, codes } = await missSome(openFeed());
    const early = await catchUp(openFeed(), cursor);
    expect(early.codes).toEqual(expect.arrayContaining(codes));

    const read = readCursor(cursor);
    if (!read) throw new Error('no cursor');
    const ofLater = writeCursor({ ...read, readAtMs: read.readAtMs + 3_600_000 });
    expect((await catchUp(openFeed(), ofLater)).codes).toEqual(expect.arrayContaining(codes));
  });

  test('a watcher with a cursor that leaves before the primary was reached holds nothing up', async () => {
    const { cursor } = await missSome(openFeed());
    const unreachable = new Error('The primary is away.');
    const feed = openFeed({ changeLog: { ...changeLog, open: () => Promise.reject(unreachable) } });
    const watcher = watch(feed, cursor);
    await watcher.leave();
    expect(feed.subscribers).toBe(0);
    const another = watch(feed, cursor);
    await feed.stop();
    await another.leave();
    expect(another.events).toEqual([]);
  });

  test('a cursor that cannot be continued means resynchronise, first of all', async () => {
    const feed = openFeed();
    const first = watch(feed);
    await first.caughtUp();
    const good = readCursor(first.cursor());
    if (!good) throw new Error('no cursor');
    await make();
    await pool.query("update link_changes set changed_at = changed_at - interval '2 days'");
    expect(await changeLog.prune(86_400_000, 100_000)).toBeGreaterThan(0);
    const bad = {
      'another system': writeCursor({ ...good, system: '1' }),
      'another timeline': writeCursor({ ...good, timeline: '0000000A' }),
      'from the future': writeCursor({ ...good, snapshot: '999999999:999999999:' }),
      pruned: writeCursor(good),
      garbage: 'garbage',
    };
    for (const [name, cursor] of Object.entries(bad)) {
      const watcher = watch(feed, cursor);
      await watcher.caughtUp();
      expect(watcher.events[0]?.type, name).toBe('resynchronise');
      await watcher.leave();
    }
    await first.leave();
    const fresh = watch(feed);
    // A transaction of another test that began before what was pruned is in every snapshot until it ends.
    await waitFor(async () => {
      await fresh.caughtUp();
      const cursor = readCursor(fresh.cursor());
      return cursor && (await changeLog.continuation(cursor)).outcome !== 'cannot_continue';
    });
    const again = watch(feed, fresh.cursor());
    await again.caughtUp();
    expect(again.events.some(({ type }) => type === 'resynchronise')).toBe(false);
    await again.leave();
    await fresh.leave();
  });

  test('the loop carries on over a lost connection, and skips nothing', async () => {
    const watcher = watch(openFeed());
    await watcher.caughtUp();
    const kill = `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and usename = 'hop_link' and query like '%unseen%' and pid <> pg_backend_pid()`;
    expect((await pool.query(kill)).rowCount).toBeGreaterThan(0);
    const codes = [await make(), await make()];
    await waitFor(() => codes.every((code) => watcher.codes().includes(code)), { timeoutMs: 3_000 });
    expect(watcher.events.some(({ type }) => type === 'resynchronise')).toBe(false);
    await watcher.leave();
  });
});

describe('a watcher', () => {
  test('that does not keep up is told to resume, and holds nothing back for others', async () => {
    const feed = openFeed({ queueLimit: 10 });
    const leaving = new AbortController();
    const slow = feed.subscribe('', leaving.signal);
    const first = slow.next();
    const quick = watch(feed);
    await first;
    for (let at = 0; at < 15; at++) {
      const code = await make();
      await waitFor(() => quick.codes().includes(code), { timeoutMs: 5_000, intervalMs: 2 });
    }
    await expect(slow.next()).rejects.toMatchObject({ reason: 'SUBSCRIBER_TOO_SLOW' });
    await quick.leave();
  });

  test('that leaves, or is left by a stopping feed, ends', async () => {
    const feed = openFeed();
    const [one, two] = [watch(feed), watch(feed)];
    await one.caughtUp();
    expect(feed.subscribers).toBe(2);
    await one.leave();
    expect(feed.subscribers).toBe(1);
    await feed.stop();
    await two.leave();
    expect(feed.subscribers).toBe(0);
  });

  test('hears how far codes are handed out', async () => {
    await store.openCodeSpace({ keyId: 4, first: 1, last: 1_000_000, blockSize: 100, fingerprint: '0011' });
    await store.reserveBlock(4);
    const watcher = watch(openFeed());
    await watcher.caughtUp();
    const heartbeat = watcher.heartbeats().at(-1);
    expect(heartbeat?.type === 'heartbeat' && heartbeat.spaces).toEqual([
      { keyId: 4, first: 1, next: 101, blockSize: 100, fingerprint: '0011' },
    ]);
    // Until a block is reserved in this history of the database, the mark may be too low to refuse codes by.
    await pool.query("update code_blocks set timeline = '1' || ltrim(timeline, '0123456789') where key_id = 4");
    await watcher.caughtUp();
    const after = watcher.heartbeats().at(-1);
    expect(after?.type === 'heartbeat' && after.spaces).toEqual([
      { keyId: 4, first: 1, next: 1_000_001, blockSize: 100, fingerprint: '0011' },
    ]);
    await watcher.leave();
  });

  test('hears how far the cache has got, by what the relay wrote down on this timeline', async () => {
    const watcher = watch(openFeed());
    await watcher.caughtUp();
    const cachedUntil = () => {
      const heartbeat = watcher.heartbeats().at(-1);
      return heartbeat?.type === 'heartbeat' ? ([heartbeat.cursor, heartbeat.cachedUntilMs] as const) : [];
    };
    const [cursor, before] = cachedUntil();
    expect(before).toBeUndefined();
    if (!cursor) throw new Error('There was no heartbeat.');
    await changeLog.saveRelayCursor(writeCursor(cursor));
    await watcher.caughtUp();
    expect(cachedUntil()[1]).toBe(cursor.readAtMs);
    await changeLog.saveRelayCursor(writeCursor({ ...cursor, timeline: '000000FF' }));
    await watcher.caughtUp();
    expect(cachedUntil()[1]).toBeUndefined();
    await watcher.leave();
  });
});
