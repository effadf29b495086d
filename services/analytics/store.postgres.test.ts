import { randomUUID } from 'node:crypto';
import { from as copyFrom } from 'pg-copy-streams';
import { describe, expect, test } from 'vitest';
import { waitFor } from '#runtime/testing/wait-for.ts';
import type { Piece } from './statistics/cover.ts';
import { readStats } from './statistics/stats.ts';
import { postgresStore } from './store.postgres.ts';
import { soundBatch, testClick } from './testing/clicks.ts';
import { deliveryTo, newPartition, pointsOf, useTestStore } from './testing/test-store.ts';

const on = useTestStore();
const hour = 3_600_000_000;
const day = 24 * hour;
const start = Math.floor(Date.UTC(2026, 4, 5) * 1_000);
const always: readonly Piece[] = [{ unit: 'day', from: 0, until: start + 1_000 * day }];

describe('an answer', () => {
  test('is of one moment, however many clicks come meanwhile', async () => {
    const take = deliveryTo(on.store);
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
      const { clicks, breakdowns, lastClickAt } = await readStats(on.stats, linkId, query, false);
      expect(lastClickAt).toBe(clicks === 0 ? undefined : start / 1_000 + clicks);
      expect(breakdowns.device.reduce((sum, share) => sum + share.clicks, 0)).toBe(clicks);
      seen++;
    }
    await writer;
    expect(seen).toBeGreaterThan(10);
  });
});

describe('taking', () => {
  test('a process that stands still within a COPY keeps its partition for no longer than a statement may take', async () => {
    const pool = on.database.openPool({ max: 3, statementTimeoutMs: 1_000 });
    const take = deliveryTo(postgresStore(pool));
    await take([testClick({})]);
    const frozen = await on.pool.connect();
    await frozen.query('begin');
    await frozen.query('update consumer_offsets set moved_at = now()');
    const rows = frozen.query(copyFrom('copy visitors from stdin'));
    rows.on('error', () => {}).write('2026-05-05\t');
    const stored = () => take([testClick({})]).then((outcome) => outcome !== 'overtaken' && outcome.stored === 1);
    await waitFor(stored, { timeoutMs: 15_000, what: 'the next delivery' });
    frozen.release(true);
  }, 20_000);

  test('the same clicks twice count once, in whatever company', async () => {
    const take = deliveryTo(on.store);
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
    expect(await deliveryTo(on.store)([...clicks, ...clicks])).toEqual({
      stored: 0,
      duplicates: 20,
      expired: 0,
      future: 0,
      erased: 0,
    });
    expect(await on.stats.totals([linkId, randomUUID()])).toEqual(new Map([[linkId, 11]]));
    expect(await pointsOf(on, linkId, always)).toMatchObject({ clicks: 11, visitors: 11 });
  });

  test('twins within one delivery count once', async () => {
    const click = testClick({ atUs: start });
    expect(await deliveryTo(on.store)([click, click])).toEqual({
      stored: 1,
      duplicates: 1,
      expired: 0,
      future: 0,
      erased: 0,
    });
  });

  test('an offset that somebody else has moved changes nothing', async () => {
    const partition = newPartition();
    const linkId = randomUUID();
    const batches = [soundBatch([testClick({ linkId, atUs: start })])];
    const offer = (expected: bigint | undefined, next: bigint) =>
      on.store.take({ topic: 'clicks', partition, expected, next, batches, notBeforeUs: 0 });
    expect(await on.store.position('clicks', partition)).toBeUndefined();
    expect(await offer(5n, 6n)).toBe('overtaken');
    expect(await offer(undefined, 3n)).toMatchObject({ stored: 1 });
    expect(await offer(undefined, 1n)).toBe('overtaken');
    expect(await offer(2n, 9n)).toBe('overtaken');
    expect(await on.store.position('clicks', partition)).toBe(3n);
    expect(await on.stats.totals([linkId])).toEqual(new Map([[linkId, 1]]));
  });

  test('of two who have the same position one is overtaken, and what it brought is not counted', async () => {
    const partition = newPartition();
    const linkId = randomUUID();
    const offers = Array.from({ length: 6 }, (_, n) =>
      on.store.take({
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
    expect((await on.stats.totals([linkId])).get(linkId)).toBe(1);
  });

  test('clicks from before the retention are refused and told apart', async () => {
    const linkId = randomUUID();
    const take = deliveryTo(on.store, start);
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
    await deliveryTo(on.store)(texts.map((referrerHost, n) => testClick({ linkId, referrerHost, atUs: start + n })));
    const { rows } = await on.pool.query<{ referrer_host: string }>(
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
    await deliveryTo(on.store)(places.map((place, n) => testClick({ linkId, ...place, atUs: start + n })));
    for (const unit of ['day', 'hour', 'click'] as const) {
      const { named } = await on.stats.values(linkId, [{ unit, from: start, until: start + day }], {
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
    await deliveryTo(on.store)(flags.map((flag, n) => testClick({ linkId, flags: flag, atUs: start + n })));
    expect(await pointsOf(on, linkId, always)).toMatchObject({
      clicks: 3,
      bots: 1,
      heads: 3,
      prefetches: 1,
      visitors: 3,
      botVisitors: 1,
    });
    expect((await on.stats.totals([linkId])).get(linkId)).toBe(3);
  });

  test('a visitor is counted once a day, where it was seen first, also across deliveries', async () => {
    const linkId = randomUUID();
    const take = deliveryTo(on.store);
    const seen = (at: number, referrerHost: string) =>
      testClick({ linkId, visitor: 2n ** 64n - 1n, referrerHost, atUs: start + at });
    await take([seen(hour, 'a'), seen(hour + 1, 'b')]);
    await take([seen(5 * hour, 'c'), seen(day, 'c'), testClick({ linkId, visitor: 0n, atUs: start })]);
    expect(await pointsOf(on, linkId, always)).toMatchObject({ clicks: 5, visitors: 2 });
    const { named } = await on.stats.values(linkId, always, { bots: false, limit: 10 });
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
    expect(await on.stats.lastClickAt(linkId)).toBeUndefined();
    const take = deliveryTo(on.store);
    await take([testClick({ linkId, atUs: start + 2_000 }), testClick({ linkId, flags: 1, atUs: start + 9_000 })]);
    await take([testClick({ linkId, atUs: start + 1_000 })]);
    expect(await on.stats.lastClickAt(linkId)).toBe(start / 1_000 + 2);
  });
});
