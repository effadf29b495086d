import type { PoolClient } from 'pg';
import { type LinkRow, linkColumns } from '#runtime/shortlink/link-record.ts';

/** A row that is locked until the transaction ends, and what a change of it needs. */
export interface LockedRow extends LinkRow {
  /** Its owner's switch while it is taken down; null: it is not. */
  readonly owner_disabled: boolean | null;
  /** Greater than every version before. */
  readonly next_version: string;
  readonly now: Date;
}

/** The rows for which the condition (SQL, with these parameters) holds, locked in one order, so that two that lock some of the same never wait for each other. */
export async function lockRows(
  client: PoolClient,
  condition: string,
  values: readonly unknown[],
): Promise<LockedRow[]> {
  const { rows } = await client.query<LockedRow>(
    `with held as materialized (
       select ${linkColumns}, owner_disabled from links where ${condition} order by domain, code for update)
     select held.*, nextval('link_version') as next_version, date_trunc('milliseconds', clock_timestamp()) as now
     from held`,
    [...values],
  );
  return rows;
}
