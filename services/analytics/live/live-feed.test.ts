import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createPool } from '#runtime/postgres/pool.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { mostTold } from '../ingest/store-delivery.postgres.ts';
import { postgresStore } from '../store.postgres.ts';
import type { ClickRow, LiveStore } from '../store.ts';
import { soundBatch, type TestClick, testClick } from '../testing/clicks.ts';
import { postgresLiveStore } from './live-clicks.postgres.ts';
import { createLiveFeed, type LiveFeed } from './live-feed.ts';
import type { Subscription } from './live-subscription.ts';

let database: TestDatabase;
let pool: Pool;
const feeds: LiveFeed[] = [];

beforeAll(async () => {
  database = await postgresFor('analytics');
  pool = database.openPool({ max: 8, statementTimeoutMs: 20_000 });
});
afterEach(async () => {
  for (const feed of feeds.splice(0)) await feed.stop();
});
afterAll(() => database.drop());

/** As one more process of analytics would have it. */
function process(
  options: { queueLimit?: number; leaseMs?: number; keepMs?: number; pollMs?: number; on?: Pool } = {},
): LiveFeed {
  const feed = createLiveFeed({ store: postgresLiveStore(options.on ?? pool), log: silentLog, pollMs: 10, ...options });
  feeds.push(feed);
  return feed;
}

const positions = new Map<number, bigint>();
async function store(clicks: readonly TestClick[], partition = 0): Promise<void> {
  const expected = positions.get(partition);
  const next = (expected ?? 0n) + 1n;
  positions.set(partition, next);
  const delivery = { topic: 'live', partition, expected, next, notBeforeUs: 0 };
  await postgresStore(pool).take({ ...delivery, batches: [soundBatch(clicks)] });
}

async function take(subscription: Subscription, count: number): Promise<ClickRow[]> {
  const taken: ClickRow[] = [];
  const end = Date.now() + 5_000;
  while (taken.length < count && Date.now() < end) taken.push(...(await subscription.take(100)));
  return taken;
}

const rowsOf = async (linkId: string): Promise<number> =>
  (await pool.query('select from live_clicks where link_id = $1', [linkId])).rowCount ?? 0;

describe('live clicks', () => {
  test('reach every process that has a watcher of the link, once, whatever partition they come from', async () => {
    const linkId = randomUUID();
    const watchers = [await process().subscribe(linkId), await process().subscribe(linkId)];
    const clicks = Array.from({ length: 30 }, (_, n) => testClick({ linkId, city: `city ${n}` }));
    for (const [n, click] of clicks.entries()) await store([click, testClick()], n % 3);
    await store(clicks.slice(0, 10));
    for (const watcher of watchers) {
      const told = await take(watcher, 30);
      expect(told.map(({ city }) => city)).toEqual(clicks.map(({ city }) => city));
      expect(await watcher.take(100)).toEqual([]);
    }
  });

  test('none is lost or doubled while many transactions commit across each other', async () => {
    const linkId = randomUUID();
    const watcher = await process().subscribe(linkId);
    const partitions = Array.from({ length: 6 }, (_, n) => n + 10);
    await Promise.all(
      partitions.map(async (partition) => {
        for (let n = 0; n < 20; n++) await store([testClick({ linkId, city: `${partition}/${n}` })], partition);
      }),
    );
    const cities = (await take(watcher, 120)).map(({ city }) => city);
    expect(new Set(cities).size).toBe(120);
    expect(cities).toHaveLength(120);
  });

  test('begin now: what was before is not told, not even to the second watcher', async () => {
    const linkId = randomUUID();
    const first = await process().subscribe(linkId);
    await store([testClick({ linkId, city: 'before' })]);
    expect(await take(first, 1)).toHaveLength(1);
    const second = await process().subscribe(linkId);
    await store([testClick({ linkId, city: 'after' })]);
    expect((await take(second, 1)).map(({ city }) => city)).toEqual(['after']);
  });

  test('cost nothing for links that nobody watches, or watches no more', async () => {
    const other = testClick();
    await store([other]);
    expect(await rowsOf(other.linkId)).toBe(0);
    const linkId = randomUUID();
    const subscription = await process({ leaseMs: 60 }).subscribe(linkId);
    subscription.close();
    await waitFor(async () => {
      const { rowCount } = await pool.query('select from watched_links where link_id = $1 and until > now()', [linkId]);
      return rowCount === 0;
    });
    await store([testClick({ linkId })]);
    expect(await rowsOf(linkId)).toBe(0);
  });

  test('of very many at once the first are told and the rest is counted', async () => {
    const linkId = randomUUID();
    const subscription = await process().subscribe(linkId);
    await store(Array.from({ length: mostTold + 50 }, () => testClick({ linkId })));
    expect(await take(subscription, mostTold)).toHaveLength(mostTold);
    expect(subscription.skipped).toBe(50);
  });

  test('a watcher that does not take them fails', async () => {
    const linkId = randomUUID();
    const subscription = await process({ queueLimit: 10 }).subscribe(linkId);
    await store(Array.from({ length: 11 }, () => testClick({ linkId })));
    await expect(take(subscription, 11)).rejects.toMatchObject({ reason: 'SUBSCRIBER_TOO_SLOW', kind: 'unavailable' });
  });

  test('a watcher that takes them does not fail, however many deliveries are read at once', async () => {
    const linkId = randomUUID();
    const subscription = await process({ queueLimit: 10 }).subscribe(linkId);
    await pool.query(
      `insert into live_clicks (source, link_id, total, clicks)
       select 'burst/0', $1, 5, json_build_array($2::json, $2::json, $2::json, $2::json, $2::json) from generate_series(1, 40)`,
      [linkId, JSON.stringify([Date.now(), 0, 'CH', '', 'Bern', 'desktop', 'Firefox', 'Linux', '', 'en', 1])],
    );
    expect(await take(subscription, 200)).toHaveLength(200);
  });

  test('of more deliveries than are read at once the rest is read at once as well: it must not wait for its deletion', async () => {
    const linkId = randomUUID();
    const subscription = await process({ pollMs: 2_000 }).subscribe(linkId);
    await pool.query(
      `insert into live_clicks (source, link_id, total, clicks)
       select 'flood/0', $1, 1, json_build_array($2::json) from generate_series(1, 3500)`,
      [linkId, JSON.stringify([Date.now(), 0, 'CH', '', 'Bern', 'desktop', 'Firefox', 'Linux', '', 'en', 1])],
    );
    expect(await take(subscription, 3_500)).toHaveLength(3_500);
  });

  test('are deleted once everybody has had the time to read them', async () => {
    const linkId = randomUUID();
    const subscription = await process({ leaseMs: 600, keepMs: 100 }).subscribe(linkId);
    await store([testClick({ linkId })]);
    expect(await take(subscription, 1)).toHaveLength(1);
    await waitFor(async () => (await rowsOf(linkId)) === 0);
  });

  test('when the database goes away the watchers fail, and who comes then is refused', async () => {
    const own = createPool(database.url, {
      max: 2,
      connectTimeoutMs: 20_000,
      statementTimeoutMs: 20_000,
      log: silentLog,
    });
    const feed = process({ leaseMs: 200, on: own });
    const subscription = await feed.subscribe(randomUUID());
    await own.end();
    await expect(take(subscription, 1)).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' });
    subscription.close();
    await expect(feed.subscribe(randomUUID())).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' });
  });

  test('a process that slept longer than its lease does not go on as if nothing had been missed', async () => {
    const subscription = await process({ leaseMs: 300 }).subscribe(randomUUID());
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
    await expect(take(subscription, 1)).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' });
  });

  test('when another primary took over the watchers fail, for its numbers may begin further back, and who comes then is told', async () => {
    const linkId = randomUUID();
    const real = postgresLiveStore(pool);
    let asked = 0;
    const lagging: LiveStore = {
      ...real,
      async livePositions() {
        const positions = await real.livePositions();
        const ahead = new Map([['live/0', 1_000_000]]);
        return asked++ === 0 ? { primary: 'another', sources: ahead } : positions;
      },
    };
    const feed = createLiveFeed({ store: lagging, log: silentLog, pollMs: 10 });
    feeds.push(feed);
    const first = await feed.subscribe(linkId);
    await store([testClick({ linkId })]);
    await expect(take(first, 1)).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE', kind: 'unavailable' });
    // Of another link: the click of before may come between the new positions and this watcher, which is then told of it as well.
    const followed = randomUUID();
    const second = await feed.subscribe(followed);
    first.close();
    await store([testClick({ linkId: followed, city: 'after' })]);
    expect((await take(second, 1)).map(({ city }) => city)).toEqual(['after']);
  });

  test('a process that had none for a while tells its next watcher everything again', async () => {
    const feed = process();
    for (let round = 0; round < 5; round++) {
      const linkId = randomUUID();
      const subscription = await feed.subscribe(linkId);
      await store([testClick({ linkId })]);
      expect(await take(subscription, 1)).toHaveLength(1);
      subscription.close();
    }
  });
});
