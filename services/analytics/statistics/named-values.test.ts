// Anyone who follows a link can make up referrers and languages: a day names so many of them, and the others are one value.
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createReplicas } from '#runtime/postgres/replicas.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { type Difference, reconcile } from '../retention/reconcile.postgres.ts';
import { postgresStore } from '../store.postgres.ts';
import type { StatsStore } from '../store.ts';
import { soundBatch, type TestClick, testClick } from '../testing/clicks.ts';
import { floorTo } from './cover.ts';
import { others } from './dimensions.postgres.ts';
import { dimensionOf } from './dimensions.ts';
import { readStats } from './stats.ts';
import { planStats } from './stats-query.ts';
import { postgresStatsStore } from './stats-store.postgres.ts';

const minute = 60_000_000;
const day = 1_440 * minute;
const start = Date.UTC(2026, 4, 5) * 1_000;
const days = 3;
const named = 5;
const linkId = randomUUID();

let database: TestDatabase;
let pool: Pool;
let stats: StatsStore;
const counted: TestClick[] = [];

beforeAll(async () => {
  database = await postgresFor('analytics');
  pool = database.openPool({ max: 8, statementTimeoutMs: 20_000 });
  stats = postgresStatsStore(createReplicas({ primary: pool, replicas: [], log: silentLog }));
  const letters = [...'abcdefghij'];
  const click = fc.record({
    atUs: fc.integer({ min: start, max: start + days * day - 1 }),
    flags: fc.constantFrom(0, 0, 0, 1),
    referrerHost: fc.oneof(
      fc.constant(''),
      fc.constantFrom(...letters).map((letter) => `${letter}.example`),
    ),
    language: fc.constantFrom(...letters).map((letter) => `x${letter}`),
  });
  counted.push(...fc.sample(click, { numRuns: 2_000, seed: 20_261_129 }).map((made) => testClick({ linkId, ...made })));
  // The third day is not followed by enough to be merged but once.
  counted.splice(0, counted.length, ...counted.filter(({ atUs }, n) => atUs < start + 2 * day || n % 4 === 0));
  const stores = [0, 1, 2].map(() => postgresStore(pool, { entries: 400, links: 1, named }));
  // Processes that merge the same link at once.
  await Promise.all(
    stores.map(async (store, partition) => {
      const own = counted.filter((_, n) => n % stores.length === partition);
      for (let from = 0; from < own.length; from += 60) {
        const expected = from === 0 ? undefined : BigInt(from);
        const batches = [soundBatch(own.slice(from, from + 60))];
        const next = BigInt(from + 60);
        await store.take({ topic: 'clicks', partition, expected, next, batches, notBeforeUs: 0 });
      }
    }),
  );
  // If the last delivery of all was the one that merged, one more click leaves something unmerged.
  if ((await unmerged()) > 0) return;
  const last = testClick({ linkId, atUs: start });
  counted.push(last);
  const delivery = { topic: 'clicks', partition: stores.length, expected: undefined, next: 1n, notBeforeUs: 0 };
  await postgresStore(pool).take({ ...delivery, batches: [soundBatch([last])] });
});
afterAll(() => database.drop());

/** How many deliveries' entries are not merged yet. */
async function unmerged(): Promise<number> {
  const { rows } = await pool.query('select 1 from click_value_deltas where link_id = $1', [linkId]);
  return rows.length;
}

/** By day and dimension. */
async function namesOf(table: string): Promise<Map<string, Set<string>>> {
  const { rows } = await pool.query<{ day: Date; dimension: number; names: string[] }>(
    `select date_trunc('day', at, 'UTC') as day, dimension, array_agg(distinct value) as names
     from ${table} where link_id = $1 and dimension in (1, 7) group by 1, 2`,
    [linkId],
  );
  return new Map(rows.map((row) => [`${row.day.getTime()} ${dimensionOf(row.dimension)}`, new Set(row.names)]));
}

test('a day keeps so many values and the others, by the hour as well; what is not merged yet is there besides', async () => {
  const [ofDays, ofHours] = [await namesOf('click_day_values'), await namesOf('click_hour_values')];
  const full = [...ofDays.values()].filter((names) => names.has(others));
  expect(full.length).toBeGreaterThan(3);
  for (const names of full) expect(names.size).toBe(named + 1);
  expect(ofHours).toEqual(ofDays);
  expect(await unmerged()).toBeGreaterThan(0);
});

test('the places of a day go to what is followed most, by people or bots', async () => {
  const link = randomUUID();
  const clicks = [...'abyyzzz'].map((letter) =>
    testClick({ linkId: link, atUs: start, referrerHost: `${letter}.example`, flags: letter === 'z' ? 1 : 0 }),
  );
  const delivery = { topic: 'clicks', partition: 9, expected: undefined, next: 1n, notBeforeUs: 0 };
  await postgresStore(pool, { entries: 1, links: 1, named: 2 }).take({ ...delivery, batches: [soundBatch(clicks)] });
  const { rows } = await pool.query<{ value: string }>(
    'select value from click_day_values where link_id = $1 and dimension = 1',
    [link],
  );
  expect(new Set(rows.map(({ value }) => value))).toEqual(new Set(['y.example', 'z.example', others]));
});

test('any range, cut anywhere, has every click under its name or among the others', async () => {
  const names = await namesOf('click_day_values');
  const nameAt = (dimension: 'referrer' | 'language', click: TestClick): string => {
    const value = dimension === 'referrer' ? click.referrerHost : click.language;
    const ofDay = names.get(`${floorTo('day', click.atUs) / 1_000} ${dimension}`);
    return value === '' || !ofDay?.has(others) || ofDay.has(value) ? value : others;
  };
  const moment = fc.oneof(
    fc.integer({ min: start, max: start + days * day }),
    fc
      .tuple(fc.integer({ min: 0, max: days }), fc.integer({ min: -40, max: 40 }))
      .map(([n, m]) => start + n * day + m * minute),
  );
  await fc.assert(
    fc.asyncProperty(moment, moment, fc.boolean(), async (a, b, withBots) => {
      fc.pre(a !== b);
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      const always = { interval: 'day', timezone: 'UTC', linkCreatedAt: start - 30 * day, now: start + 30 * day };
      const found = await readStats(stats, linkId, planStats({ from, to, ...always }), withBots);
      const within = counted.filter(({ atUs, flags }) => from <= atUs && atUs < to && (withBots || flags === 0));
      expect(found.clicks).toBe(within.length);
      for (const dimension of ['referrer', 'language'] as const) {
        const expected = [...Map.groupBy(within, (click) => nameAt(dimension, click))]
          .map(([value, clicks]) => ({ value, clicks: clicks.length, visitors: clicks.length }))
          .sort((one, other) => other.clicks - one.clicks || (one.value < other.value ? -1 : 1));
        expect(found.breakdowns[dimension]).toEqual(expected);
      }
    }),
    { numRuns: 100 },
  );
});

test('a recount agrees, and finds what is wrong with the others', async () => {
  const differences = async (): Promise<Difference[]> => {
    const found: Difference[] = [];
    await reconcile(pool, { from: '2026-05-05', until: '2026-05-08', linkId }, (difference) => found.push(difference));
    return found;
  };
  expect(await differences()).toEqual([]);
  await pool.query('update click_day_values set clicks = clicks + 1 where value = $1', [others]);
  expect(new Set((await differences()).map(({ table }) => table))).toEqual(new Set(['click_day_values']));
});
