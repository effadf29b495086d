import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { useChangeFeed, watch } from '../testing/change-feed-fixture.ts';
import { writeCursor } from './change-cursor.ts';

const on = useChangeFeed();
const { openFeed, make } = on;

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
    const hanging = await on.pool.connect();
    await hanging.query('begin');
    await hanging.query('select pg_current_xact_id()');
    const codes = [await make(), await make(), await make()];
    await waitFor(() => codes.every((code) => watcher.codes().includes(code)), { timeoutMs: 5_000 });
    // The hanging transaction is older than all of these and writes last.
    const held = await on.pool.query('select record from link_changes order by seq desc limit 1');
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
        const client = await on.pool.connect();
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

  test('changes of a restored dump, with transaction ids that this cluster has yet to give, are told to nobody', async () => {
    await on.pool.query(
      `insert into link_changes (xid, kind, record, changed_at)
       values ('999999999', 2, '\\x1a08726573746f726564'::bytea, now() - interval '1 hour')`,
    );
    await on.pool.query("update change_horizon set pruned_to = '999999998'");
    const feed = openFeed();
    const first = watch(feed);
    await first.caughtUp();
    await first.caughtUp();
    expect(first.codes()).toEqual([]);
    const resumed = watch(feed, first.cursor());
    await resumed.caughtUp();
    expect(resumed.events.filter(({ type }) => type === 'resynchronise')).toEqual([]);
    await Promise.all([first.leave(), resumed.leave()]);
  });

  test('more changes than one look takes are all told', async () => {
    const watcher = watch(openFeed());
    await watcher.caughtUp();
    await on.pool.query(
      `insert into link_changes (kind, record, changed_at)
       select 2, '\\x1a0162'::bytea, now() from generate_series(1, 7_500)`,
    );
    await waitFor(() => watcher.codes().length >= 7_500, { timeoutMs: 5_000 });
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
    await on.store.openCodeSpace({ keyId: 4, first: 1, last: 1_000_000, blockSize: 100, fingerprint: '0011' });
    await on.store.reserveBlock(4);
    const watcher = watch(openFeed());
    await watcher.caughtUp();
    const heartbeat = watcher.heartbeats().at(-1);
    expect(heartbeat?.type === 'heartbeat' && heartbeat.spaces).toEqual([
      { keyId: 4, first: 1, next: 101, blockSize: 100, fingerprint: '0011' },
    ]);
    // Until a block is reserved in this history of the database, the mark may be too low to refuse codes by.
    await on.pool.query("update code_blocks set timeline = '1' || ltrim(timeline, '0123456789') where key_id = 4");
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
    await on.changeLog.saveRelayCursor(writeCursor(cursor));
    await watcher.caughtUp();
    expect(cachedUntil()[1]).toBe(cursor.readAtMs);
    await on.changeLog.saveRelayCursor(writeCursor({ ...cursor, timeline: '000000FF' }));
    await watcher.caughtUp();
    expect(cachedUntil()[1]).toBeUndefined();
    await watcher.leave();
  });
});
