import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createReplicas } from '#runtime/postgres/replicas.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { postgresStore } from '../store.postgres.ts';
import type { ClickListStore, ClickPosition, ClickRow } from '../store.ts';
import { soundBatch, type TestClick, testClick } from '../testing/clicks.ts';
import { postgresClickListStore } from './click-list.postgres.ts';

let database: TestDatabase;
let pool: Pool;
let list: ClickListStore;
const start = Date.UTC(2026, 4, 5, 12) * 1_000;
let partitions = 0;

beforeAll(async () => {
  database = await postgresFor('analytics');
  pool = database.openPool({ max: 4, statementTimeoutMs: 20_000 });
  list = postgresClickListStore(createReplicas({ primary: pool, replicas: [], log: silentLog }));
});
afterAll(() => database.drop());

async function store(clicks: readonly TestClick[]): Promise<void> {
  const delivery = { topic: 't', partition: partitions++, expected: undefined, next: 1n, notBeforeUs: 0 };
  await postgresStore(pool).take({ ...delivery, batches: [soundBatch(clicks)] });
}

const newest: ClickPosition = { atUs: start + 10 ** 12, skip: 0 };

/** Every page from the newest click on. */
async function pages(linkId: string, limit: number, everything = false): Promise<ClickRow[][]> {
  const all: ClickRow[][] = [];
  for (let from: ClickPosition | undefined = newest; from && all.length < 200; ) {
    const page = await list.clicks({ linkId, sinceUs: 0, from, limit, everything });
    all.push([...page.clicks]);
    from = page.next;
  }
  return all;
}

describe('the list of clicks', () => {
  test('is newest first, in pages without gap or overlap, also within one microsecond', async () => {
    const linkId = randomUUID();
    const times = [0, 1_000, 2_000, 2_000, 2_000, 2_000, 2_000, 3_000, 90_000_000_000];
    await store(times.map((at, n) => testClick({ linkId, atUs: start + at, city: `city ${n}` })));
    const all = (await pages(linkId, 100)).flat();
    expect(all.map(({ at }) => at * 1_000 - start)).toEqual(times.toReversed());
    for (const limit of [1, 2, 3, 8, 9]) {
      const cut = await pages(linkId, limit);
      expect(cut.flat()).toEqual(all);
      expect(cut.slice(0, -1).every((page) => page.length === limit)).toBe(true);
      expect(cut.at(-1)?.length).toBeGreaterThan(0);
    }
  });

  test('says what is known, and nothing that tells who followed', async () => {
    const linkId = randomUUID();
    const click = testClick({
      linkId,
      atUs: start + 1_999,
      country: 'GB',
      region: 'England',
      city: 'London',
      flags: 8,
    });
    await store([{ ...click, referrerHost: 'news.example' }]);
    expect(await pages(linkId, 5)).toEqual([
      [
        {
          at: Math.floor((start + 1_999) / 1_000),
          flags: 8,
          country: 'GB',
          region: 'England',
          city: 'London',
          device: 'desktop',
          browser: 'Firefox',
          operatingSystem: 'Linux',
          referrer: 'news.example',
          tier: 2,
          language: 'en',
        },
      ],
    ]);
  });

  test('leaves out bots, HEAD and prefetch unless everything is asked for', async () => {
    const linkId = randomUUID();
    await store([0, 1, 2, 4, 7, 8].map((flags, n) => testClick({ linkId, flags, atUs: start + n * 1_000 })));
    expect((await pages(linkId, 10)).flat().map(({ flags }) => flags)).toEqual([8, 0]);
    expect((await pages(linkId, 2, true)).flat().map(({ flags }) => flags)).toEqual([8, 7, 4, 2, 1, 0]);
  });

  test('a page that finds only bots is short, and the pages behind it find the rest', async () => {
    const linkId = randomUUID();
    const bots = Array.from({ length: 2_500 }, (_, n) =>
      testClick({ linkId, flags: 1, atUs: start + 1_000_000 + (n % 7) * 1_000 }),
    );
    await store([testClick({ linkId, atUs: start }), ...bots, testClick({ linkId, atUs: start + 5_000_000 })]);
    const found = await pages(linkId, 10);
    expect(found.length).toBeLessThan(6);
    expect(found.flat().map(({ at }) => at * 1_000 - start)).toEqual([5_000_000, 0]);
  });

  test('of a link without clicks is one empty page', async () => {
    expect(await pages(randomUUID(), 10)).toEqual([[]]);
  });

  test('begins where it is told', async () => {
    const linkId = randomUUID();
    await store([0, 1, 2].map((n) => testClick({ linkId, atUs: start + n * 1_000 })));
    const { clicks } = await list.clicks({
      linkId,
      sinceUs: start + 1_000,
      from: newest,
      limit: 10,
      everything: false,
    });
    expect(clicks).toHaveLength(2);
  });
});
