import { describe, expect, test } from 'vitest';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { useChangeFeed, watch } from '../testing/change-feed-fixture.ts';
import { readCursor, writeCursor } from './change-cursor.ts';
import type { ChangeFeed } from './change-feed.ts';
import { mostMissed } from './change-log.ts';

const on = useChangeFeed();
const { openFeed, make } = on;

describe('resuming', () => {
  test('a watcher is told what it missed, and what hung at its cursor', async () => {
    const feed = openFeed();
    const first = watch(feed);
    await first.caughtUp();
    const hanging = await on.pool.connect();
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
    await on.pool.query(
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
    await on.pool.query(
      `insert into link_changes (kind, record, changed_at)
       select 2, '\\x1a0170'::bytea, now() from generate_series(1, ${mostMissed})`,
    );
    const watcher = watch(openFeed(), cursor);
    await watcher.caughtUp();
    expect(watcher.events[0]?.type).toBe('resynchronise');
    expect(watcher.codes()).toEqual([]);
    await watcher.leave();
    await on.pool.query('truncate link_changes');
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
    const feed = openFeed({ changeLog: { ...on.changeLog, open: () => Promise.reject(unreachable) } });
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
    await on.pool.query("update link_changes set changed_at = changed_at - interval '2 days'");
    expect(await on.changeLog.prune(86_400_000, 100_000)).toBeGreaterThan(0);
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
      return cursor && (await on.changeLog.continuation(cursor)).outcome !== 'cannot_continue';
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
    expect((await on.pool.query(kill)).rowCount).toBeGreaterThan(0);
    const codes = [await make(), await make()];
    await waitFor(() => codes.every((code) => watcher.codes().includes(code)), { timeoutMs: 3_000 });
    expect(watcher.events.some(({ type }) => type === 'resynchronise')).toBe(false);
    await watcher.leave();
  });
});
