import type { Pool, PoolClient } from 'pg';
import { ChangeKind } from '#gen/link/v1/change_pb.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import { recordOfRow, timestampOf } from '#runtime/shortlink/link-record.ts';
import { type LockedRow, lockRows } from '../links/locked-rows.postgres.ts';
import { type SettledLink, writeSettled } from '../takedowns/settled-links.postgres.ts';
import type { Touched } from '../takedowns/takedowns.postgres.ts';
import { guarded, transaction } from '../transaction.postgres.ts';

/** A closed workspace about which something is to be done. */
export interface ClosedWorkspace {
  readonly workspaceId: string;
  readonly isErased: boolean;
}

/** Which workspaces are closed, and what is still to be done about them. */
export interface ClosedWorkspaces {
  /** Writes down that it is closed. It makes no links from then on. */
  close(workspaceId: string): Promise<void>;
  /** Those that are not erased, and those that were closed longer than that ago; the longest closed first. */
  findDue(settledAfterMs: number, limit: number): Promise<readonly ClosedWorkspace[]>;
  /**
   * Deletes those of these links that are not, for good: they are down as well, so nobody brings them back. A place that has become another
   * workspace's is left alone: since the keys were read, a link may have been purged or renamed and its code made anew.
   */
  deleteLinks(workspaceId: string, keys: readonly LinkKey[]): Promise<Touched>;
  markErased(workspaceId: string): Promise<void>;
  /** Nothing is left to be done about it. */
  forget(workspaceId: string): Promise<void>;
}

export function postgresClosedWorkspaces(pool: Pool): ClosedWorkspaces {
  const run = async (text: string, ...values: unknown[]): Promise<void> =>
    void (await guarded(() => pool.query(text, values)));
  return {
    // As a workspace that the operator takes down, of which the reason is the operator's.
    close: (workspaceId) =>
      run(
        `with down as (
           insert into takedowns (subject, reason) values ('workspace:' || $1::uuid, 'closed by its owner') on conflict do nothing)
         insert into closed_workspaces (workspace_id) values ($1::uuid) on conflict do nothing`,
        workspaceId,
      ),
    async findDue(settledAfterMs, limit) {
      const text = `select workspace_id as "workspaceId", erased_at is not null as "isErased" from closed_workspaces
        where erased_at is null or closed_at < clock_timestamp() - $1 * interval '1 millisecond'
        order by closed_at limit $2`;
      return (await guarded(() => pool.query<ClosedWorkspace>(text, [settledAfterMs, limit]))).rows;
    },
    deleteLinks: (workspaceId, keys) => transaction(pool, (client) => deleteLocked(client, workspaceId, keys)),
    markErased: (id) => run('update closed_workspaces set erased_at = clock_timestamp() where workspace_id = $1', id),
    forget: (id) => run('delete from closed_workspaces where workspace_id = $1', id),
  };
}

async function deleteLocked(client: PoolClient, workspaceId: string, keys: readonly LinkKey[]): Promise<Touched> {
  const condition = `workspace_id = $3 and deleted_at is null
    and (domain, code) in (select * from unnest($1::text[], $2::text[]))`;
  const rows = await lockRows(client, condition, [
    keys.map(({ domain }) => domain),
    keys.map(({ code }) => code),
    workspaceId,
  ]);
  if (rows.length > 0) await writeSettled(client, ChangeKind.DELETED, rows.map(deletedForGood));
  return rows;
}

function deletedForGood({ owner_disabled, next_version, now, ...row }: LockedRow): SettledLink {
  const record = recordOfRow({ ...row, version: next_version, disabled: true, deleted_at: now });
  return { record: { ...record, updatedAt: timestampOf(now) }, ownerDisabled: owner_disabled ?? row.disabled };
}
