import type { Pool, PoolClient } from 'pg';
import { ChangeKind } from '#gen/link/v1/change_pb.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import { recordOfRow, timestampOf } from '#runtime/shortlink/link-record.ts';
import { type LockedRow, lockRows } from '../links/locked-rows.postgres.ts';
import { type SettledLink, writeSettled } from '../takedowns/settled-links.postgres.ts';
import type { Touched } from '../takedowns/takedowns.postgres.ts';
import { guarded, transaction } from '../transaction.postgres.ts';

/** A closed workspace with something left to do. */
export interface ClosedWorkspace {
  readonly workspaceId: string;
  readonly closedMsAgo: number;
  /** What is next: deleting its links, erasing its clicks, or a last look at its links before it is done. */
  readonly next: 'links' | 'clicks' | 'last look';
}

/** Which workspaces are closed, and what is left to do about them. */
export interface ClosedWorkspaces {
  /** Records that it is closed. It cannot create links from then on. */
  close(workspaceId: string): Promise<void>;
  /**
   * Those with links or clicks left, and those closed longer ago than this; the longest closed first. Without a limit: however many of them
   * cannot be erased at the moment, they must not hide the others.
   */
  findDue(settledAfterMs: number): Promise<readonly ClosedWorkspace[]>;
  /**
   * Deletes these links for good, unless they are deleted: they are also taken down, so nobody can restore them. A place that now belongs
   * to another workspace is left alone: since the keys were read, a link may have been purged or renamed and its code reused.
   */
  deleteLinks(workspaceId: string, keys: readonly LinkKey[]): Promise<Touched>;
  markLinksDeleted(workspaceId: string): Promise<void>;
  markErased(workspaceId: string): Promise<void>;
  /** Nothing is left to do about it. */
  forget(workspaceId: string): Promise<void>;
}

export function postgresClosedWorkspaces(pool: Pool): ClosedWorkspaces {
  const run = async (text: string, ...values: unknown[]): Promise<void> =>
    void (await guarded(() => pool.query(text, values)));
  return {
    // The workspace is taken down; an operator's own reason is kept.
    close: (workspaceId) =>
      run(
        `with down as (
           insert into takedowns (subject, reason) values ('workspace:' || $1::uuid, 'closed by its owner') on conflict do nothing)
         insert into closed_workspaces (workspace_id) values ($1::uuid) on conflict do nothing`,
        workspaceId,
      ),
    async findDue(settledAfterMs) {
      const text = `with closed as (
          select *, extract(epoch from clock_timestamp() - closed_at)::float8 * 1000 as ms_ago from closed_workspaces)
        select workspace_id as "workspaceId", ms_ago as "closedMsAgo",
          case when links_deleted_at is null then 'links' when erased_at is null then 'clicks' else 'last look' end as next
        from closed where links_deleted_at is null or erased_at is null or ms_ago > $1 order by closed_at`;
      return (await guarded(() => pool.query<ClosedWorkspace>(text, [settledAfterMs]))).rows;
    },
    deleteLinks: (workspaceId, keys) => transaction(pool, (client) => deleteLocked(client, workspaceId, keys)),
    markLinksDeleted: (id) =>
      run('update closed_workspaces set links_deleted_at = clock_timestamp() where workspace_id = $1', id),
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
