// Any range of any link is what a recount of its clicks, one by one and in plain code, gives.
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createReplicas } from '#runtime/postgres/replicas.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { postgresEraseStore } from '../retention/erase.postgres.ts';
import { postgresPartitionStore } from '../retention/partitions.postgres.ts';
import { reconcile } from '../retention/reconcile.postgres.ts';
import { postgresStore } from '../store.postgres.ts';
import type { ClickStore, StatsStore } from '../store.ts';
import { soundBatch, type TestClick, testClick } from '../testing/clicks.ts';
import { floorTo } from './cover.ts';
import { type Dimension, dimensions } from './dimensions.ts';
import { readStats } from './stats.ts';
import { planStats, type StatsQuery } from './stats-query.ts';
import { postgresStatsStore } from './stats-store.postgres.ts';

const minute = 60_000_000;
const hour = 60 * minute;
const day = 24 * hour;
const start = Date.UTC(2026, 4, 5) * 1_000;
const days = 3;
const erased = randomUUID();
const links = [randomUUID(), randomUUID(), erased] as const;
/** Half of them within some minutes of a midnight, which visitors come across. */
const time = fc.oneof(
  fc.integer({ min: start, max: start + days * day - 1 }),
  fc
    .tuple(fc.integer({ min: 1, max: days - 1 }), fc.integer({ min: -10 * minute, max: 10 * minute }))
    .map(([midnight, beside]) => start + midnight * day + beside),
);
const click = fc.record({
  linkId: fc.constantFrom(...links),
  atUs: time,
  flags: fc.constantFrom(0, 0, 0, 0, 1, 2, 4, 6),
  visitor: fc.bigInt({ min: 0n, max: 40n }),
  referrerHost: fc.constantFrom('', 'a.example', 'b.example'),
  country: fc.constantFrom('', 'CH', 'DE'),
  region: fc.constantFrom('', 'R'),
  city: fc.constantFrom('', 'Bern', 'Ulm'),
});

let database: TestDatabase;
let pool: Pool;
let store: ClickStore;
let stats: StatsStore;
/** Each click that counts, and whether its visitor was new with it. */
const counted = new Map<string, { click: TestClick; isNew: boolean }>();

beforeAll(async () => {
  database = await postgresFor('analytics');
  pool = database.openPool({ max: 4, statementTimeoutMs: 20_000 });
  store = postgresStore(pool, { entries: 2_000, links: 2 });
  stats = postgresStatsStore(createReplicas({ primary: pool, replicas: [], log: silentLog }));
  await postgresPartitionStore(pool).makeDay('2026-05-06');
  const clicks = fc.sample(click, { numRuns: 2_500, seed: 20_261_128 }).map((made) => testClick(made));
  await deliver(clicks.slice(0, 1_500));
  // As older processes leave them: what is not said is looked up.
  await pool.query('update clicks set new_visitor = null where at < $1', [new Date((start + 1.3 * day) / 1_000)]);
  const erasing = postgresEraseStore(pool);
  await erasing.ask({ linkIds: [erased], workspaceIds: [] });
  await erasing.run();
  for (const [id, { click: gone }] of counted) if (gone.linkId === erased) counted.delete(id);
  wasErased = true;
  // Late ones among them, and every one of before again.
  await deliver(clicks.toReversed());
});
afterAll(() => database.drop());

let offset: bigint | undefined;
let wasErased = false;
const visitorsSeen = new Set<string>();

async function deliver(clicks: readonly TestClick[]): Promise<void> {
  for (let from = 0; from < clicks.length; from += 300) {
    // Some stand in two deliveries, and in one of them twice.
    const delivery = clicks.slice(Math.max(0, from - 40), from + 300).concat(clicks.slice(from, from + 20));
    const next = (offset ?? 0n) + 1n;
    const batches = [soundBatch(delivery)];
    await store.take({ topic: 'clicks', partition: 0, expected: offset, next, batches, notBeforeUs: 0 });
    offset = next;
    remember(delivery);
  }
}

/** What the store is to do with a delivery, in plain code. */
function remember(delivery: readonly TestClick[]): void {
  const byTime = delivery.toSorted((a, b) => a.atUs - b.atUs || (a.requestId < b.requestId ? -1 : 1));
  for (const made of byTime) {
    if ((wasErased && made.linkId === erased) || counted.has(made.requestId)) continue;
    const who = `${made.linkId} ${floorTo('day', made.atUs)} ${made.visitor}`;
    const isNew = made.visitor !== 0n && (made.flags & 6) === 0 && !visitorsSeen.has(who);
    if (isNew) visitorsSeen.add(who);
    counted.set(made.requestId, { click: made, isNew });
  }
}

const textBy: Readonly<Record<Dimension, (of: TestClick) => string>> = {
  referrer: ({ referrerHost }) => referrerHost,
  country: ({ country }) => country,
  city: ({ city, region, country }) => (city === '' ? '' : [city, region, country].filter(Boolean).join(', ')),
  device: ({ device }) => device,
  browser: ({ browser }) => browser,
  operating_system: ({ operatingSystem }) => operatingSystem,
  language: ({ language }) => language,
};
const kinds = ['clicks', 'heads', 'prefetches', 'bots'] as const;
const kindOf = ({ flags }: TestClick): (typeof kinds)[number] =>
  flags & 2 ? 'heads' : flags & 4 ? 'prefetches' : flags & 1 ? 'bots' : 'clicks';

/** One by one. */
function recount(linkId: string, { from, until, starts }: StatsQuery, withBots: boolean) {
  const found = [...counted.values()].filter(
    ({ click: { atUs, linkId: of } }) => of === linkId && from <= atUs && atUs < until,
  );
  const shown = found.filter(({ click: of }) => kindOf(of) === 'clicks' || (withBots && kindOf(of) === 'bots'));
  const sum = (of: typeof found) => ({ clicks: of.length, visitors: of.filter(({ isNew }) => isNew).length });
  const number = (kind: (typeof kinds)[number]) => found.filter(({ click: of }) => kindOf(of) === kind).length;
  const sharesOf = (dimension: Dimension) =>
    [...Map.groupBy(shown, ({ click: of }) => textBy[dimension](of))]
      .map(([value, of]) => ({ value, ...sum(of) }))
      .sort((a, b) => b.clicks - a.clicks || (a.value < b.value ? -1 : 1));
  return {
    ...sum(shown),
    ...{ bots: number('bots'), heads: number('heads'), prefetches: number('prefetches') },
    series: starts.map((at, place) => {
      const first = place === 0 ? Number.NEGATIVE_INFINITY : at;
      const end = starts[place + 1] ?? Number.POSITIVE_INFINITY;
      return { at, ...sum(shown.filter(({ click: { atUs } }) => atUs >= first && atUs < end)) };
    }),
    breakdowns: Object.fromEntries(dimensions.map((dimension) => [dimension, sharesOf(dimension)])),
  };
}

test('there is something of everything to be recounted', () => {
  const all = [...counted.values()];
  expect(new Set(all.map(({ click: of }) => of.linkId)).size).toBe(2);
  for (const kind of kinds) expect(all.some(({ click: of }) => kindOf(of) === kind)).toBe(true);
  expect(all.filter(({ isNew }) => isNew).length).toBeGreaterThan(100);
});

test('any range, cut anywhere, is what a recount gives', async () => {
  const moment = fc.oneof(
    time,
    ...[minute, hour, day / 2].map((width) =>
      fc.integer({ min: -1, max: (days * day) / width + 1 }).map((n) => start + n * width),
    ),
  );
  const asked = fc.record({
    ...{ linkId: fc.constantFrom(...links), from: moment, until: moment },
    interval: fc.constantFrom('hour', 'day', 'month'),
    timezone: fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kolkata', 'Asia/Kathmandu'),
    // Of some days the minutes are gone.
    minutesKept: fc.integer({ min: 0, max: days }),
    withBots: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(asked, async ({ linkId, from, until, interval, timezone, minutesKept, withBots }) => {
      fc.pre(from !== until);
      const range = { from: Math.min(from, until), to: Math.max(from, until) };
      const retained = { clicksFrom: 0, minutesFrom: start + (days - minutesKept) * day };
      const always = { linkCreatedAt: start - 30 * day, now: start + 30 * day, retained };
      const query = planStats({ ...range, interval, timezone, ...always });
      const { tiers, lastClickAt, ...answer } = await readStats(stats, linkId, query, withBots);
      expect(answer).toEqual(recount(linkId, query, withBots));
      expect(tiers.reduce((sum, { clicks }) => sum + clicks, 0)).toBe(answer.clicks);
    }),
    { numRuns: 150 },
  );
});

test('in any zone, an end that is open takes in what is dated up to a day beyond it, in points and breakdowns alike', async () => {
  const asked = fc.record({
    linkId: fc.constantFrom(...links),
    // There are clicks up to a day before the one and after the other.
    linkCreatedAt: fc.integer({ min: start, max: start + day }),
    now: fc.integer({ min: start + 2 * day, max: start + 3 * day }),
    from: fc.option(fc.integer({ min: start - day, max: start + 2 * day }), { nil: undefined }),
    to: fc.option(fc.integer({ min: start + 2 * day, max: start + 4 * day }), { nil: undefined }),
    interval: fc.constantFrom('minute', 'hour', 'day', 'week', 'month'),
    timezone: fc.constantFrom(...Intl.supportedValuesOf('timeZone')),
    withBots: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(asked, async ({ linkId, withBots, ...question }) => {
      const { from, to, linkCreatedAt, now } = question;
      fc.pre(from === undefined || to === undefined || from < to);
      const query = planStats(question);
      const wanted = {
        ...{ starts: query.starts, series: [], breakdown: [] },
        from: from === undefined || from <= linkCreatedAt ? Number.NEGATIVE_INFINITY : from,
        until: to === undefined || to > now ? Number.POSITIVE_INFINITY : to,
      };
      const { tiers, lastClickAt, ...answer } = await readStats(stats, linkId, query, withBots);
      expect(answer).toEqual(recount(linkId, wanted, withBots));
      for (const parts of [tiers, answer.series, ...Object.values(answer.breakdowns)]) {
        expect(parts.reduce((sum: number, { clicks }) => sum + clicks, 0)).toBe(answer.clicks);
      }
    }),
    { numRuns: 100 },
  );
});

test('what clicks say of their visitors is what visitors say, and a click that does not is told', async () => {
  const differences = async (): Promise<unknown[]> => {
    const found: unknown[] = [];
    await reconcile(pool, { from: '2026-05-05', until: '2026-05-08', linkId: undefined }, (one) => found.push(one));
    return found;
  };
  expect(await differences()).toEqual([]);
  await pool.query(
    `update clicks set new_visitor = false where request_id = (select request_id from clicks where new_visitor limit 1)`,
  );
  expect(await differences()).toMatchObject([{ table: 'clicks.new_visitor', counted: 'true', kept: 'false' }]);
});
