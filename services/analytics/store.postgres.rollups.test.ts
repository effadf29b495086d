import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { cover, unitsFrom } from './statistics/cover.ts';
import { dimensionRows } from './statistics/dimensions.postgres.ts';
import { dimensions } from './statistics/dimensions.ts';
import { postgresStore } from './store.postgres.ts';
import { testClick } from './testing/clicks.ts';
import { deliveryTo, pointsOf, useTestStore } from './testing/test-store.ts';

const on = useTestStore();
const day = 24 * 3_600_000_000;
const start = Math.floor(Date.UTC(2026, 4, 5) * 1_000);

describe('the rollups are what a recount of the clicks gives', () => {
  const links = [randomUUID(), randomUUID(), randomUUID()];
  const pick = <Value>(values: readonly [Value, ...Value[]]): Value =>
    values[Math.floor(Math.random() * values.length)] ?? values[0];

  beforeAll(async () => {
    // Breakdowns are merged at once, now and then, and never: all three are to be the same whenever they are asked for.
    const merged = [1, 200, 1_000_000].map((entries) => postgresStore(on.pool, { entries, links: 2 }));
    const takers = merged.map((into) => deliveryTo(into));
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
    const { rows } = await on.pool.query(`${recounted}, expected as (
        select link_id, date_trunc('${unit}', at, 'UTC') as at, ${counters}, count(*) filter (where kind = 'head') as heads,
          count(*) filter (where kind = 'prefetch') as prefetches
        from kinds group by 1, 2
      )
      (table expected except select * from click_${unit}s) union all (select * from click_${unit}s except table expected)`);
    expect(rows).toEqual([]);
  });

  test.each(['hour', 'day'])('by %s and value', async (unit) => {
    const { rows } = await on.pool.query(`${recounted}, expected as (
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
    const { rows } = await on.pool.query(`
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
    const { rows } = await on.pool.query(`
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
      const raw = await pointsOf(on, linkId, [{ unit: 'click', from, until }]);
      for (const unit of ['day', 'hour', 'minute'] as const) {
        expect(await pointsOf(on, linkId, cover(from, until, unitsFrom(unit)))).toEqual(raw);
      }
      const order = { bots: false, limit: 100 };
      const expected = await on.stats.values(linkId, [{ unit: 'click', from, until }], order);
      expect(await on.stats.values(linkId, cover(from, until, ['day', 'hour', 'click']), order)).toEqual(expected);
      for (const dimension of dimensions) {
        const named = expected.named.filter((value) => value.dimension === dimension);
        const clicks = named.reduce((sum, value) => sum + value.clicks, 0);
        expect(expected.sums.get(dimension)?.clicks ?? 0).toBe(clicks);
        expect(clicks).toBeLessThanOrEqual(raw.clicks);
      }
    }
  });
});
