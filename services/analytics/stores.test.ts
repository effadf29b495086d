import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createPool } from '#runtime/postgres/pool.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { openStores } from './stores.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await postgresFor('analytics');
});
afterAll(() => database.drop());

test('a connection for reading is open before anybody asks', async () => {
  const stores = openStores({ postgresPrimary: database.url, postgresReplicas: [database.url] }, silentLog);
  const watching = database.openPool({ max: 1 });
  const open = `select count(distinct application_name)::int as pools from pg_stat_activity
    where datname = current_database() and application_name in ('reads', 'replica-1')`;
  await vi.waitFor(async () => expect((await watching.query(open)).rows).toEqual([{ pools: 2 }]), 10_000);
  await stores.close();
});

test('as many slow statistics as are let in take nothing from live feeds and from the readiness check', async () => {
  const stores = openStores({ postgresPrimary: database.url, postgresReplicas: [] }, silentLog);
  const other = createPool(database.url, {
    max: 1,
    connectTimeoutMs: 20_000,
    statementTimeoutMs: 20_000,
    log: silentLog,
  });
  // The connection that is kept open takes no place any more.
  await stores.stats.totals([randomUUID()]);
  const locking = await other.connect();
  await locking.query('begin; lock table click_totals in access exclusive mode');
  const slow = Promise.allSettled(Array.from({ length: 20 }, () => stores.stats.totals([randomUUID()])));
  await expect(stores.stats.totals([randomUUID()])).rejects.toMatchObject({ name: 'PoolBusyError' });
  await stores.check();
  expect(await stores.live.livePositions()).toMatchObject({ sources: new Map() });
  expect(await stores.workspaceCounts.countsSince([{ workspaceId: randomUUID(), sinceUs: 0 }])).toHaveLength(1);
  await locking.query('rollback');
  locking.release();
  expect((await slow).every(({ status }) => status === 'fulfilled')).toBe(true);
  await Promise.all([other.end(), stores.close()]);
});
