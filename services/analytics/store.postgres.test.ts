import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createReplicas } from '#runtime/postgres/replicas.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { cover, dimensions, type Piece, unitsFrom } from './statistics/cover.ts';
import { dimensionRows } from './statistics/dimensions.postgres.ts';
import { readStats } from './statistics/stats.ts';
import { postgresStatsStore } from './statistics/stats-store.postgres.ts';
import { postgresStore } from './store.postgres.ts';
import type { StatsStore } from './store.ts';
import { soundBatch, type TestClick, testClick } from './testing/clicks.ts';

let database: TestDatabase;
let pool: Pool;
let store: ReturnType<typeof postgresStore>;
let stats: StatsStore;

beforeAll(async () => {
  database = await postgresFor('analytics');
  pool = database.openPool({ max: 8, statementTimeoutMs: 20_000 });
  store = postgresStore(pool);
  stats = postgresStatsStore(createReplicas({ primary: pool, replicas: [], log: silentLog }));
});
afterAll(() => database.drop());

const hour = 3_600_000_000;
const day = 24 * hour;
const start = Math.floor(Date.UTC(2026, 4, 5) * 1_000);

let partitions = 0;
/** Takes deliveries into a partition of its own. */
function delivery(notBeforeUs = 0, into = store) {
  const partition = partitions++;
  let expected: bigint | undefined;
  return async (clicks: readonly TestClick[]) => {
    const next = (expected ?? 0n) + 1n;
    const taken = await into.take({
      topic: 'clicks',
      partition,
      expected,
      next,
      batches: [soundBatch(clicks)],
      notBeforeUs,
    });
    expected = next;
    return taken;
  };
}

async function pointsOf(linkId: string, pieces: readonly Piece[]) {
  const [all] = await stats.points(linkId, pieces, [0]);
  return all ?? { clicks: 0, visitors: 0, bots: 0, botVisitors: 0, heads: 0, prefetches: 0 };
}

const always: readonly Piece[] = [{ unit: 'day', from: 0, until: start + 1_000 * day }];

describe('an answer', () => {
  test('is of one moment, however many clicks come meanwhile', async () => {
    const take = delivery();
    const linkId = randomUUID();
    let writing = true;
    const writer = (async () => {
      for (let n = 1; n <= 200; n++) await take([testClick({ linkId, atUs: start + n * 1_000 })]);
      writing = false;
    })();
    let seen = 0;
    while (writing) {
      // The nth click is the nth millisecond's.
      const query = { series: always, breakdown: always, starts: [0], from: start, until: start + day };
      const { clicks, breakdowns, lastClickAt } = await readStats(stats, linkId, query, false);
      expect(lastClickAt).toBe(clicks === 0 ? undefined : start / 1_000 + clicks);
      expect(breakdowns.device.reduce((sum, share) => sum + share.clicks, 0)).toBe(clicks);
      seen++;
    }
    await writer;
    expect(seen).toBeGreaterThan(10);
  });
});

describe('taking', () => {
  test('the same clicks twice count once, in whatever company', async () => {
    const take = delivery();
    const linkId = randomUUID();
    const clicks = Array.from({ length: 10 }, (_, n) => testClick({ linkId, atUs: start + n }));
    expect(await take(clicks)).toEqual({ stored: 10, duplicates: 0, expired: 0, future: 0, erased: 0 });
    expect(await take(clicks)).toEqual({ stored: 0, duplicates: 10, expired: 0, future: 0, erased: 0 });
    expect(await take([...clicks.slice(5), testClick({ linkId, atUs: start + 99 })])).toEqual({
      stored: 1,
      duplicates: 5,
      expired: 0,
      future: 0,
      erased: 0,
    });
    expect(await delivery()([...clicks, ...clicks])).toEqual({
      stored: 0,
      duplicates: 20,
      expired: 0,
      future: 0,
      erased: 0,
    });
    expect(await stats.totals([linkId, randomUUID()])).toEqual(new Map([[linkId, 11]]));
    expect(await pointsOf(linkId, always)).toMatchObject({ clicks: 11, visitors: 11 });
  });

  test('twins within one delivery count once', async () => {
    const click = testClick({ atUs: start });
    expect(await delivery()([click, click])).toEqual({ stored: 1, duplicates: 1, expired: 0, future: 0, erased: 0 });
  });

  test('an offset that somebody else has moved changes nothing', async () => {
    const partition = partitions++;
    const linkId = randomUUID();
    const batches = [soundBatch([testClick({ linkId, atUs: start })])];
    const offer = (expected: bigint | undefined, next: bigint) =>
      store.take({ topic: 'clicks', partition, expected, next, batches, notBeforeUs: 0 });
    expect(await store.position('clicks', partition)).toBeUndefined();
    expect(await offer(5n, 6n)).toBe('overtaken');
    expect(await offer(undefined, 3n)).toMatchObject({ stored: 1 });
    expect(await offer(undefined, 1n)).toBe('overtaken');
    expect(await offer(2n, 9n)).toBe('overtaken');
    expect(await store.position('clicks', partition)).toBe(3n);
    expect(await stats.totals([linkId])).toEqual(new Map([[linkId, 1]]));
  });

  test('of two who have the same position one is overtaken, and what it brought is not counted', async () => {
    const partition = partitions++;
    const linkId = randomUUID();
    const offers = Array.from({ length: 6 }, (_, n) =>
      store.take({
        topic: 'clicks',
        partition,
        expected: undefined,
        next: 1n,
        batches: [soundBatch([testClick({ linkId, atUs: start + n })])],
        notBeforeUs: 0,
      }),
    );
    const taken = await Promise.all(offers);
    expect(taken.filter((outcome) => outcome !== 'overtaken')).toHaveLength(1);
    expect((await stats.totals([linkId])).get(linkId)).toBe(1);
  });

  test('clicks from before the retention are refused and told apart', async () => {
    const linkId = randomUUID();
    const take = delivery(start);
    expect(await take([testClick({ linkId, atUs: start - 1 }), testClick({ linkId, atUs: start })])).toEqual({
      stored: 1,
      duplicates: 0,
      expired: 1,
      future: 0,
      erased: 0,
    });
  });

  test('texts of every kind arrive as they were', async () => {
    const linkId = randomUUID();
    const texts = ['a"b\\c', '{x,y}', 'NULL', 'null', ' ', "o'clock", 'ünï', '\u{1f600}', 'tab\tnew\nline', ','];
    await delivery()(texts.map((referrerHost, n) => testClick({ linkId, referrerHost, atUs: start + n })));
    const { rows } = await pool.query<{ referrer_host: string }>(
      'select referrer_host from clicks where link_id = $1 order by at',
      [linkId],
    );
    expect(rows.map(({ referrer_host }) => referrer_host)).toEqual(texts);
  });
});

describe('counting', () => {
  test('cities of one name are told apart by region and country, whichever table is read', async () => {
    const linkId = randomUUID();
    const places = [
      { city: 'Springfield', region: 'Illinois', country: 'US' },
      { city: 'Springfield', region: 'Missouri', country: 'US' },
      { city: 'Springfield', region: 'Missouri', country: 'US' },
      { city: 'Singapore', country: 'SG' },
      { country: 'US' },
    ];
    await delivery()(places.map((place, n) => testClick({ linkId, ...place, atUs: start + n })));
    for (const unit of ['day', 'hour', 'click'] as const) {
      const { named } = await stats.values(linkId, [{ unit, from: start, until: start + day }], {
        bots: false,
        limit: 9,
      });
      expect(named.flatMap(({ dimension, value, clicks }) => (dimension === 'city' ? [[value, clicks]] : []))).toEqual([
        ['Springfield, Missouri, US', 2],
        ['Singapore, SG', 1],
        ['Springfield, Illinois, US', 1],
      ]);
    }
  });

  test('each click is in one column: HEAD, prefetch and bots are kept apart', async () => {
    const linkId = randomUUID();
    const flags = [0, 0, 1, 2, 4, 3, 6, 8];
    await delivery()(flags.map((flag, n) => testClick({ linkId, flags: flag, atUs: start + n })));
    expect(await pointsOf(linkId, always)).toMatchObject({
      clicks: 3,
      bots: 1,
      heads: 3,
      prefetches: 1,
      visitors: 3,
      botVisitors: 1,
    });
    expect((await stats.totals([linkId])).get(linkId)).toBe(3);
  });

  test('a visitor is counted once a day, where it was seen first, also across deliveries', async () => {
    const linkId = randomUUID();
    const take = delivery();
    const seen = (at: number, referrerHost: string) =>
      testClick({ linkId, visitor: 2n ** 64n - 1n, referrerHost, atUs: start + at });
    await take([seen(hour, 'a'), seen(hour + 1, 'b')]);
    await take([seen(5 * hour, 'c'), seen(day, 'c'), testClick({ linkId, visitor: 0n, atUs: start })]);
    expect(await pointsOf(linkId, always)).toMatchObject({ clicks: 5, visitors: 2 });
    const { named } = await stats.values(linkId, always, { bots: false, limit: 10 });
    expect(
      named
        .filter(({ dimension }) => dimension === 'referrer')
        .map(({ value, clicks, visitors }) => [value, clicks, visitors]),
    ).toEqual([
      ['c', 2, 1],
      ['a', 1, 1],
      ['b', 1, 0],
    ]);
  });

  test('the last click is a person’s', async () => {
    const linkId = randomUUID();
    expect(await stats.lastClickAt(linkId)).toBeUndefined();
    const take = delivery();
    await take([testClick({ linkId, atUs: start + 2_000 }), testClick({ linkId, flags: 1, atUs: start + 9_000 })]);
    await take([testClick({ linkId, atUs: start + 1_000 })]);
    expect(await stats.lastClickAt(linkId)).toBe(start / 1_000 + 2);
  });
});

describe('the rollups are what a recount of the clicks gives', () => {
  const links = [randomUUID(), randomUUID(), randomUUID()];
  const pick = <Value>(values: readonly [Value, ...Value[]]): Value =>
    values[Math.floor(Math.random() * values.length)] ?? values[0];

  beforeAll(async () => {
    // Breakdowns are merged at once, now and then, and never: all three are to be the same whenever they are asked for.
    const merged = [1, 200, 1_000_000].map((entries) => postgresStore(pool, { entries, links: 2 }));
    const takers = merged.map((into) => delivery(0, into));
    const clicks = Array.from({ length: 3_000 }, () =>
      testClick({
        linkId: pick(['', ...links]) || randomUUID(),
        atUs: start + Math.floor(Math.random() * 3 * day),
        flags: pick([0, 0, 0, 0, 1, 2, 4]),
        visitor: BigInt(Math.floor(Math.random() * 60)),
        referrerHost: pick(['', 'a.example', 'b.example']),
        browser: pick(['Firefox', 'Chrome', '']),
        country: pick(['CH', 'DE', '']),
      }),
    );
    // Each twice, in another order, so that most deliveries have some that are there already.
    for (const round of [0, 1]) {
      for (let from = 0; from < clicks.length; from += 250) {
        const slice = clicks.slice(from, from + 250);
        await Promise.all(
          takers.map((take, n) => take(slice.filter((click) => Number.parseInt(click.linkId[0] ?? '0', 16) % 3 === n))),
        );
      }
      clicks.sort((a, b) => (round === 0 ? a.requestId.localeCompare(b.requestId) : 0));
    }
  });

  const counters = `count(*) filter (where kind = 'click') as clicks, count(*) filter (where kind = 'click' and first) as visitors,
    count(*) filter (where kind = 'bot') as bots, count(*) filter (where kind = 'bot' and first) as bot_visitors`;
  const recounted = `with kinds as (
      select c.*, v.at is not null as first,
        case when flags & 2 <> 0 then 'head' when flags & 4 <> 0 then 'prefetch' when flags & 1 <> 0 then 'bot' else 'click' end as kind
      from clicks c left join visitors v on v.at = c.at and v.request_id = c.request_id
    )`;

  test.each(['minute', 'hour', 'day'])('by %s', async (unit) => {
    const { rows } = await pool.query(`${recounted}, expected as (
        select link_id, date_trunc('${unit}', at, 'UTC') as at, ${counters}, count(*) filter (where kind = 'head') as heads,
          count(*) filter (where kind = 'prefetch') as prefetches
        from kinds group by 1, 2
      )
      (table expected except select * from click_${unit}s) union all (select * from click_${unit}s except table expected)`);
    expect(rows).toEqual([]);
  });

  test.each(['hour', 'day'])('by %s and value', async (unit) => {
    const { rows } = await pool.query(`${recounted}, expected as (
        select c.link_id, date_trunc('${unit}', c.at, 'UTC') as at, d.dimension, d.value collate "C" as value, ${counters}
        from kinds c cross join lateral (values ${dimensionRows}) as d (dimension, value)
        where d.value <> '' and kind in ('click', 'bot') group by 1, 2, 3, 4
      ), unmerged as (
        select d.link_id, date_trunc('${unit}', d.at, 'UTC') as at, e.*
        from click_value_deltas d cross join lateral unnest(d.dimension, d.value, d.clicks, d.visitors, d.bots, d.bot_visitors)
          as e (dimension, value, clicks, visitors, bots, bot_visitors)
      ), found as (
        select link_id, at, dimension, value, sum(clicks)::bigint, sum(visitors)::bigint, sum(bots)::bigint, sum(bot_visitors)::bigint
        from (table click_${unit}_values union all table unmerged) r group by 1, 2, 3, 4
      )
      (table expected except table found) union all (table found except table expected)`);
    expect(rows).toEqual([]);
  });

  test('of the links with many entries some are merged with each delivery', async () => {
    const { rows } = await pool.query(`
      select count(*) filter (where d.entries is null)::int as merged, count(d.entries)::int as unmerged,
        count(*) filter (where t.unmerged <> coalesce(d.entries, 0))::int as wrong
      from click_totals t left join (
        select link_id, sum(cardinality(dimension)) as entries from click_value_deltas group by link_id
      ) d using (link_id)
      where t.link_id in (select link_id from click_hours where at >= 'epoch'::timestamptz + ${start} * interval '1 microsecond')`);
    expect(rows[0]).toMatchObject({ merged: expect.any(Number), wrong: 0 });
    expect(rows[0].merged).toBeGreaterThan(0);
    expect(rows[0].unmerged).toBeGreaterThan(0);
  });

  test('visitors are exact per day', async () => {
    const { rows } = await pool.query(`
      with expected as (
        select link_id, (at at time zone 'UTC')::date as day, count(distinct visitor) as visitors
        from clicks where visitor <> 0 and flags & 7 in (0, 1) group by 1, 2
      )
      select * from expected full join (select link_id, day, count(*) as visitors from visitors group by 1, 2) v using (link_id, day, visitors)
      where expected.link_id is null or v.link_id is null`);
    expect(rows).toEqual([]);
  });

  test('whichever tables a range is read from, the counts are the same', async () => {
    for (let round = 0; round < 40; round++) {
      const [a, b] = [Math.random(), Math.random()].map((part) => start + Math.floor((part * 3.2 - 0.1) * day)) as [
        number,
        number,
      ];
      const [from, until] = [Math.min(a, b), Math.max(a, b)];
      const linkId = pick(['', ...links]) || (links[0] ?? '');
      const raw = await pointsOf(linkId, [{ unit: 'click', from, until }]);
      for (const unit of ['day', 'hour', 'minute'] as const) {
        expect(await pointsOf(linkId, cover(from, until, unitsFrom(unit)))).toEqual(raw);
      }
      const order = { bots: false, limit: 100 };
      const expected = await stats.values(linkId, [{ unit: 'click', from, until }], order);
      expect(await stats.values(linkId, cover(from, until, ['day', 'hour', 'click']), order)).toEqual(expected);
      for (const dimension of dimensions) {
        const named = expected.named.filter((value) => value.dimension === dimension);
        const clicks = named.reduce((sum, value) => sum + value.clicks, 0);
        expect(expected.sums.get(dimension)?.clicks ?? 0).toBe(clicks);
        expect(clicks).toBeLessThanOrEqual(raw.clicks);
      }
    }
  });
});
