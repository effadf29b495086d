import type { Pool, PoolClient } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { CopyRows, copyMeanwhile } from './copy.postgres.ts';

let database: TestDatabase;
let pool: Pool;
let client: PoolClient;

beforeAll(async () => {
  database = await postgresFor('analytics');
  pool = database.openPool({ max: 2 });
  client = await pool.connect();
  await client.query('create temporary table numbers (number int primary key)');
});
beforeEach(() => client.query('truncate numbers'));
afterAll(async () => {
  client.release();
  await database.drop();
});

const rowsOf = (...numbers: number[]): CopyRows => {
  const rows = new CopyRows();
  for (const number of numbers) {
    rows.row(1);
    rows.int4(number);
  }
  return rows;
};
const stored = async (): Promise<number> =>
  Number((await client.query<{ count: string }>('select count(*) from numbers')).rows[0]?.count);

test('returns what the work made once the rows are stored, however many there are', async () => {
  const many = Array.from({ length: 100_000 }, (_, number) => number);
  expect(await copyMeanwhile(client, 'numbers', rowsOf(...many), () => 'made')).toBe('made');
  expect(await stored()).toBe(100_000);
});

test('the work is done while Postgres stores the rows', async () => {
  // The statement ends only once the work has let it: work that waited for its end would never begin.
  await client.query(`
    create function pg_temp.wait() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock(1); return null; end $$`);
  await client.query('create trigger wait after insert on numbers for each statement execute function pg_temp.wait()');
  const other = await pool.connect();
  try {
    await other.query('select pg_advisory_lock(1)');
    const unlocked = await copyMeanwhile(client, 'numbers', rowsOf(1), () =>
      other.query('select pg_advisory_unlock(1)'),
    );
    await unlocked;
    expect(await stored()).toBe(1);
  } finally {
    other.release();
    await client.query('drop trigger wait on numbers');
  }
});

test('rejects with what Postgres says of the rows, although the work went well', async () => {
  await expect(copyMeanwhile(client, 'numbers', rowsOf(1, 2, 2), () => 'made')).rejects.toMatchObject({
    code: '23505',
  });
  expect(await stored()).toBe(0);
});

test('rejects with what the work throws, and leaves the connection as usable as before', async () => {
  const work = (): never => {
    throw new Error('cannot be added up');
  };
  await expect(copyMeanwhile(client, 'numbers', rowsOf(1), work)).rejects.toThrow('cannot be added up');
  expect(await stored()).toBe(1);
});

test('rejects at once if there is no such table', async () => {
  await expect(copyMeanwhile(client, 'nowhere', rowsOf(1), () => 'made')).rejects.toMatchObject({ code: '42P01' });
});
