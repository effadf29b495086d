import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { silentLog } from '../telemetry/log.ts';
import type { TestDatabase } from '../testing/postgres.ts';
import { postgresFor } from '../testing/stores.ts';
import { freePort } from '../testing/wait-for.ts';
import { createPool, type PoolOptions } from './pool.ts';
import { createReplicas } from './replicas.ts';

let database: TestDatabase;
const pools: Pool[] = [];
beforeAll(async () => {
  database = await postgresFor('link');
});
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  await database.drop();
});

function open(url = database.url, options: Partial<PoolOptions> = {}): Pool {
  const pool = createPool(url, { max: 2, connectTimeoutMs: 300, log: silentLog, ...options });
  pools.push(pool);
  return pool;
}

const absent = async (): Promise<Pool> => open(`postgres://hop_link@127.0.0.1:${await freePort()}/x`);

describe('createReplicas', () => {
  it('asks the replicas in turn', async () => {
    const reads = createReplicas({ primary: open(), replicas: [open(), open()], log: silentLog });
    const names: string[] = [];
    for (let n = 0; n < 4; n++) names.push((await reads.query('select 1')).source.name);
    expect(names).toEqual(['replica-1', 'replica-2', 'replica-1', 'replica-2']);
    expect((await reads.queryPrimary('select 1')).source).toMatchObject({ name: 'primary', isPrimary: true });
  });

  it('asks the next when one fails, and passes over it for a while', async () => {
    const reads = createReplicas({
      primary: open(),
      replicas: [await absent(), open()],
      log: silentLog,
      restMs: 10_000,
    });
    expect((await reads.query('select 1')).source.name).toBe('replica-2');
    expect((await reads.query('select 1')).source.name).toBe('replica-2');
    const alone = createReplicas({ primary: open(), replicas: [await absent()], log: silentLog });
    expect((await alone.query<{ one: number }>('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  it('passes over one for no longer because the clock was set back', async () => {
    const away = await absent();
    const asked = vi.spyOn(away, 'query');
    const reads = createReplicas({ primary: open(), replicas: [away], log: silentLog, restMs: 20 });
    await reads.query('select 1');
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 });
    onTestFinished(() => void vi.useRealTimers());
    await new Promise((resolve) => setTimeout(resolve, 25));
    await reads.query('select 1');
    expect(asked).toHaveBeenCalledTimes(2);
  });

  it('asks the next while the queue for one is full, and does not pass over it afterwards', async () => {
    const full = open(database.url, { max: 1, maxWaiting: 1 });
    const reads = createReplicas({ primary: open(), replicas: [full, open()], log: silentLog, restMs: 10_000 });
    const held = await full.connect();
    const waiting = full.connect();
    expect((await reads.query('select 1')).source.name).toBe('replica-2');
    held.release();
    (await waiting).release();
    const names = [await reads.query('select 1'), await reads.query('select 1')].map(({ source }) => source.name);
    expect(names).toContain('replica-1');
  });

  it('asks nobody again what took too long, and does not pass over who was asked', async () => {
    const pools = [open(database.url, { statementTimeoutMs: 100 }), open()] as const;
    const reads = createReplicas({ primary: pools[1], replicas: [pools[0]], log: silentLog, restMs: 10_000 });
    await expect(reads.query('select pg_sleep(0.5)')).rejects.toMatchObject({ code: '57014' });
    expect((await reads.query('select 1')).source.name).toBe('replica-1');
    for (let turn = 0; turn < 3; turn++) await expect(reads.query('select pg_sleep(0.5)')).rejects.toThrow('timeout');
    // It has answered nothing since.
    expect((await reads.query('select 1')).source.name).toBe('primary');
  });

  it.each([
    ['does not have the database', { pathname: '/absent' }],
    ['does not let us in', { username: 'nobody' }],
  ])('asks the next when one %s', async (_what, other) => {
    const { href } = Object.assign(new URL(database.url), other);
    const reads = createReplicas({ primary: open(), replicas: [open(href), open()], log: silentLog });
    expect((await reads.query('select 1')).source.name).toBe('replica-2');
    expect((await reads.query('select 1')).source.name).toBe('replica-2');
  });

  it('does not ask elsewhere what is wrong everywhere', async () => {
    const reads = createReplicas({ primary: open(), replicas: [open()], log: silentLog });
    await expect(reads.query('select nonsense')).rejects.toThrow('nonsense');
  });

  it('reads several statements as of one moment, from the next server when one fails', async () => {
    const pool = open();
    await pool.query('create table if not exists moment (id int)');
    const reads = createReplicas({ primary: open(), replicas: [await absent(), pool], log: silentLog });
    const counts = await reads.snapshot(async (client) => {
      const count = async () => (await client.query<{ n: number }>('select count(*)::int as n from moment')).rows[0]?.n;
      const before = await count();
      await pool.query('insert into moment values (1)');
      return [before, await count()];
    });
    expect(counts).toEqual([0, 0]);
    await expect(reads.snapshot((client) => client.query('insert into moment values (2)'))).rejects.toThrow(
      'read-only',
    );
  });

  it('fails when nobody answers', async () => {
    const reads = createReplicas({ primary: await absent(), replicas: [await absent()], log: silentLog });
    await expect(reads.query('select 1')).rejects.toThrow('ECONNREFUSED');
  });
});
