import { expect, it } from 'vitest';
import { silentLog } from '../telemetry/log.ts';
import { postgresFor } from '../testing/stores.ts';
import { freePort, waitFor } from '../testing/wait-for.ts';
import { keepWarm } from './keep-warm.ts';
import { createPool } from './pool.ts';

it('opens so many connections, opens them again when they are lost, and leaves a pool that is in use alone', async () => {
  const database = await postgresFor('link');
  const pool = createPool(database.url, {
    max: 4,
    connectTimeoutMs: 20_000,
    statementTimeoutMs: 20_000,
    log: silentLog,
  });
  const stop = keepWarm(pool, 3, 20);
  const idle = (count: number) => waitFor(() => pool.idleCount === count, { what: `${count} idle connections` });
  await idle(3);
  // Counted as it happens: between two looks it may be lost and opened again.
  let lost = 0;
  pool.on('remove', () => lost++);
  const other = createPool(database.urlAs('postgres'), {
    max: 1,
    connectTimeoutMs: 20_000,
    statementTimeoutMs: 20_000,
    log: silentLog,
  });
  await other.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  );
  await waitFor(() => lost > 0, { intervalMs: 1, what: 'the loss of a connection' });
  await idle(3);
  const held = await Promise.all([1, 2, 3, 4].map(() => pool.connect()));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect([pool.totalCount, pool.waitingCount]).toEqual([4, 0]);
  for (const one of held) one.release();
  await stop();
  await Promise.all([pool.end(), other.end()]);
  await database.drop();
});

it('waits for a server that is away', async () => {
  const url = `postgres://nobody@127.0.0.1:${await freePort()}/none`;
  const pool = createPool(url, { max: 2, connectTimeoutMs: 100, log: silentLog });
  const stop = keepWarm(pool, 2, 10);
  await waitFor(() => pool.totalCount === 2, { intervalMs: 1, what: 'the attempts' });
  await waitFor(() => pool.totalCount === 0, { intervalMs: 1, what: 'their end' });
  await stop();
  await pool.end();
});
