import type { Pool } from 'pg';

/**
 * Within a COPY no timeout of the server ends a transaction: while Postgres waits for rows it looks at none of them. So a process that stands
 * still at that moment (a frozen host) would keep its locks, of the offsets that its transaction moves above all, for as long as it stands.
 * A COPY that has waited for its client for longer than a statement may take is one that its client has given up, or cannot continue.
 */
const endStalled = `
select pg_terminate_backend(pid) from pg_stat_activity
where usename = current_user and datname = current_database() and state = 'active' and wait_event = 'ClientRead'
  and query like 'copy %' and query_start < now() - 1.5 * current_setting('statement_timeout')::interval`;

/** Ends the transactions that stand still within a COPY; returns how many. */
export async function endStalledCopies(pool: Pool): Promise<number> {
  const { rowCount } = await pool.query(endStalled);
  return rowCount ?? 0;
}
