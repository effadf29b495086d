import type { PoolClient } from 'pg';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import { type LinkRow, linkColumns } from '#runtime/shortlink/link-record.ts';
import type { FollowedLink } from '../store.ts';

/** A row that is locked until the transaction ends, and what is needed to change it. */
export interface LockedRow extends LinkRow {
  /** Its owner's setting of `disabled` while it is taken down; null: it is not. */
  readonly owner_disabled: boolean | null;
  /** Greater than every earlier version. */
  readonly next_version: string;
  readonly now: Date;
}

/**
 * The rows for which the condition (SQL, with these parameters) holds, locked in a fixed order, so that transactions that lock overlapping
 * rows do not deadlock.
 */
export async function lockRows(
  client: PoolClient,
  condition: string,
  values: readonly unknown[],
): Promise<LockedRow[]> {
  const { rows } = await client.query<LockedRow>(lockingText(condition), [...values]);
  return rows;
}

const lockFollowed = { name: 'lock-followed-link', text: lockingText('domain = $1 and code = $2 and id = $3') };

/** The link that somebody follows, if it is still the same one. A named statement, because every follow of a one-time link begins with it. */
export async function lockFollowedLink(
  client: PoolClient,
  { domain, code, id }: FollowedLink,
): Promise<LockedRow | undefined> {
  const { rows } = await client.query<LockedRow>({ ...lockFollowed, values: [domain, code, id] });
  return rows[0];
}

const lockOwn = { name: 'lock-link', text: lockingText('domain = $1 and code = $2 and workspace_id = $3') };

/** A workspace's link. A named statement, because each change begins with it: parsed and planned once per connection. */
export async function lockLink(
  client: PoolClient,
  { domain, code }: LinkKey,
  workspaceId: string,
): Promise<LockedRow | undefined> {
  const { rows } = await client.query<LockedRow>({ ...lockOwn, values: [domain, code, workspaceId] });
  return rows[0];
}

function lockingText(condition: string): string {
  return `with held as materialized (
       select ${linkColumns}, owner_disabled from links where ${condition} order by domain, code for update)
     select held.*, nextval('link_version') as next_version, date_trunc('milliseconds', clock_timestamp()) as now
     from held`;
}
