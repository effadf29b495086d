import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { silentLog } from '#runtime/telemetry/log.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import type { SaltStore } from '../store.ts';
import { createHousekeeping } from './housekeeping.ts';
import { postgresSaltStore } from './salts.postgres.ts';

let database: TestDatabase;
let pool: Pool;
let store: SaltStore;

beforeAll(async () => {
  database = await postgresFor('analytics');
  pool = database.openPool({ max: 8, statementTimeoutMs: 20_000 });
  store = postgresSaltStore(pool);
});
afterAll(() => database.drop());

/** Without partitions and erasures. */
function housekeepingOf(salts: SaltStore, today: string) {
  return createHousekeeping({
    store: salts,
    partitions: {
      makeDay: async () => 'there',
      strays: async () => ({ days: [], rows: 0 }),
      dropBefore: async () => 0,
    },
    erasure: { run: async () => ({ links: 0, workspaces: 0, clicks: 0 }) },
    log: silentLog,
    ...{ partitionDaysAhead: 1, saltKeepDays: 1, retentionDays: 400, minutesRetentionDays: 35, saltsEveryMs: 10 },
    now: () => Date.parse(today),
  });
}

describe('salts', () => {
  test('are made once, answered to all, and gone when destroyed', async () => {
    const days = ['2026-05-05', '2026-05-06'];
    const answers = await Promise.all([store.salts(days), store.salts(days), store.salts(days)]);
    expect(new Set(answers.map((salts) => JSON.stringify(salts))).size).toBe(1);
    expect(answers[0]?.map(({ day: of, salt }) => [of, salt.length])).toEqual([
      ['2026-05-05', 32],
      ['2026-05-06', 32],
    ]);
    expect(await store.destroySaltsBefore('2026-05-06')).toBe(1);
    expect((await store.salts([])).map(({ day: of }) => of)).toEqual(['2026-05-06']);
  });

  test('are put back as they were when a crash has emptied their table, but for those that were destroyed', async () => {
    const days = ['2026-05-06', '2026-05-07'];
    const before = await store.salts(days);
    await pool.query('truncate visitor_salts');
    expect(await store.salts(days)).toEqual(before);
    expect(await postgresSaltStore(pool).salts(days)).toEqual(before);
    await store.destroySaltsBefore('2026-05-07');
    const [made] = await store.salts(['2026-05-06']);
    expect(made?.day).toBe('2026-05-06');
    expect(made?.salt).not.toEqual(before[0]?.salt);
  });

  test('of every day that is still open are put back, and none that another process has destroyed', async () => {
    const [one, other] = [postgresSaltStore(pool), postgresSaltStore(pool)];
    const made = await one.salts(['2026-05-08', '2026-05-09', '2026-05-10']);
    await pool.query('truncate visitor_salts');
    expect(await one.salts(['2026-05-10', '2026-05-11'])).toEqual(expect.arrayContaining(made.slice(-3)));
    await other.destroySaltsBefore('2026-05-09');
    const after = await one.salts(['2026-05-10']);
    expect(after.map(({ day: of }) => of)).toEqual(['2026-05-09', '2026-05-10', '2026-05-11']);
  });

  test('are put back soon by whichever process is there, also one that no edge has asked', async () => {
    const other = postgresSaltStore(pool);
    let looks = 0;
    const salts: SaltStore['salts'] = async (days) => {
      const found = await other.salts(days);
      looks++;
      return found;
    };
    const housekeeping = housekeepingOf({ ...other, salts }, '2026-05-11');
    housekeeping.start();
    onTestFinished(housekeeping.stop);
    const look = async (): Promise<void> => {
      const before = looks;
      await vi.waitFor(() => expect(looks).toBeGreaterThan(before + 1), 5_000);
    };
    const days = ['2026-05-11', '2026-05-12'];
    await postgresSaltStore(pool).salts(days);
    await look();
    const before = await other.salts([]);
    await pool.query('truncate visitor_salts');
    await look();
    expect(await postgresSaltStore(pool).salts(days)).toEqual(before);
  });

  test('are still to be wiped from their file when that was broken off', async () => {
    const fileOf = async (): Promise<unknown> =>
      (await pool.query("select pg_relation_filenode('visitor_salts') as file")).rows[0];
    await store.salts(['2026-05-12', '2026-05-13']);
    expect(await store.destroySaltsBefore('2026-05-13')).toBeGreaterThan(0);
    const reader = await pool.connect();
    await reader.query('begin; lock table visitor_salts in access share mode');
    await expect(store.rewriteSalts()).rejects.toMatchObject({ code: '55P03' });
    await reader.query('rollback');
    reader.release();
    const before = await fileOf();
    await store.rewriteSalts();
    const wiped = await fileOf();
    expect(wiped).not.toEqual(before);
    await store.rewriteSalts();
    expect(await fileOf()).toEqual(wiped);
  });

  test('that are in use are not destroyed by a process whose clock is days ahead', async () => {
    const days = [-2, -1, 0, 1].map((ahead) => new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10));
    const [, ...inUse] = await store.salts(days).then((salts) => salts.slice(-4));
    await store.destroySaltsBefore('2100-01-01');
    expect(await postgresSaltStore(pool).salts([])).toEqual(inUse);
  });
});
