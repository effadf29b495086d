import pg, { type Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { notFound } from '../errors/errors.ts';
import { silentLog } from '../telemetry/log.ts';
import type { TestDatabase } from '../testing/postgres.ts';
import { postgresFor } from '../testing/stores.ts';
import { freePort, waitFor } from '../testing/wait-for.ts';
import { classify, createPool, inTransaction, PoolBusyError, storeError } from './pool.ts';

let database: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  database = await postgresFor('link');
  pool = createPool(database.url, {
    max: 2,
    statementTimeoutMs: 20_000,
    connectTimeoutMs: 20_000,
    log: silentLog,
  });
  await pool.query('create table item (id int primary key, amount int not null check (amount >= 0))');
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

async function fault(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('inTransaction', () => {
  it('commits what resolves and rolls back what rejects', async () => {
    await inTransaction(pool, (client) => client.query('insert into item values (1, 5)'));
    const error = await fault(
      inTransaction(pool, async (client) => {
        await client.query('insert into item values (2, 5)');
        throw notFound('LINK_NOT_FOUND', 'none');
      }),
    );
    expect(error).toMatchObject({ kind: 'not_found' });
    expect((await pool.query('select id from item')).rows).toEqual([{ id: 1 }]);
    expect(pool.idleCount).toBe(pool.totalCount);
  });

  it('begins again after a serialization failure', async () => {
    await pool.query('insert into item values (10, 0)');
    const add = (): Promise<unknown> =>
      inTransaction(
        pool,
        async (client) => {
          const { rows } = await client.query<{ amount: number }>('select amount from item where id = 10');
          await new Promise((resolve) => setTimeout(resolve, 30));
          await client.query('update item set amount = $1 where id = 10', [(rows[0]?.amount ?? 0) + 1]);
        },
        { isolation: 'serializable', retries: 5 },
      );
    await Promise.all([add(), add()]);
    expect((await pool.query('select amount from item where id = 10')).rows).toEqual([{ amount: 2 }]);
  });

  it('survives that its connection is cut in the middle, and leaves no broken one behind', async () => {
    const error = await fault(
      inTransaction(pool, async (client) => {
        const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
        await asSuperuser(`select pg_terminate_backend(${rows[0]?.pid})`);
        await new Promise((resolve) => setTimeout(resolve, 50));
        await client.query('select 1');
      }),
    );
    expect(classify(error).kind).toBe('unavailable');
    await waitFor(async () => (await pool.query('select 1')).rowCount === 1);
  });
});

describe('createPool', () => {
  it('ends a statement that takes too long', async () => {
    const hasty = createPool(database.url, {
      max: 1,
      statementTimeoutMs: 300,
      connectTimeoutMs: 20_000,
      log: silentLog,
    });
    const error = await fault(hasty.query('select pg_sleep(5)'));
    expect(classify(error).kind).toBe('timeout');
    expect(storeError(error)).toMatchObject({ kind: 'unavailable', reason: 'DEPENDENCY_UNAVAILABLE' });
    await hasty.end();
  });

  it.each([0, 1, 2])(
    'refuses at once what would have to wait behind too many, with %i of 2 connections open',
    async (open) => {
      let waited = 0;
      const onWait = () => {
        waited++;
        return () => {};
      };
      const bounds = { max: 2, maxWaiting: 2, connectTimeoutMs: 20_000, statementTimeoutMs: 20_000 };
      const pool = createPool(database.url, { ...bounds, onWait, log: silentLog });
      const opened = await Promise.all(Array.from({ length: open }, () => pool.connect()));
      for (const client of opened) client.release();
      expect(pool.idleCount).toBe(open);
      let awake = 0;
      const sleepers = Array.from({ length: 4 }, () =>
        fault(pool.query('select pg_sleep(0.1)')).finally(() => awake++),
      );
      const errors = await Promise.all(Array.from({ length: 3 }, () => fault(pool.query('select 1'))));
      expect(awake).toBe(0);
      for (const error of errors) {
        expect(error).toBeInstanceOf(PoolBusyError);
        expect(storeError(error)).toMatchObject({ kind: 'unavailable', reason: 'OVERLOADED' });
      }
      expect(await Promise.all(sleepers)).toEqual([undefined, undefined, undefined, undefined]);
      expect(waited).toBe(2);
      await expect(inTransaction(pool, (client) => client.query('select 1'))).resolves.toBeDefined();
      await pool.end();
    },
  );

  it('survives that all its connections are cut while idle', async () => {
    await pool.query('select 1');
    await asSuperuser(
      "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'hop_link' and datname = current_database()",
    );
    await waitFor(() => pool.totalCount === 0);
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  it('says within its time that nobody is there', async () => {
    const nobody = createPool(`postgres://hop_link@127.0.0.1:${await freePort()}/x`, {
      connectTimeoutMs: 500,
      log: silentLog,
    });
    expect(storeError(await fault(nobody.query('select 1')))).toMatchObject({
      kind: 'unavailable',
      reason: 'DEPENDENCY_UNAVAILABLE',
    });
    await nobody.end();
  });
});

describe('classify', () => {
  it('knows the constraints', async () => {
    await pool.query('insert into item values (20, 1)');
    expect(classify(await fault(pool.query('insert into item values (20, 1)')))).toEqual({
      kind: 'unique',
      constraint: 'item_pkey',
    });
    expect(classify(await fault(pool.query('insert into item values (21, -1)')))).toEqual({
      kind: 'check',
      constraint: 'item_amount_check',
    });
    expect(classify(await fault(pool.query('select nonsense')))).toEqual({ kind: 'other' });
    expect(storeError(await fault(pool.query('select nonsense')))).toMatchObject({ kind: 'internal' });
  });
});

async function asSuperuser(text: string): Promise<void> {
  const client = new pg.Client({ connectionString: database.urlAs('postgres') });
  await client.connect();
  await client.query(text);
  await client.end();
}
