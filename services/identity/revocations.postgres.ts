import type { QueryResultRow } from 'pg';
import { currentPrimary } from '#runtime/postgres/primary.ts';
import { type Database, only } from './rows.postgres.ts';
import type { RevocationPage, RevocationPosition, RevocationStore } from './store.ts';

interface RevocationsRow extends QueryResultRow {
  ids: string[];
  last_seq: string | null;
  until: string;
  primary: string;
}

const ofTheWindow = "r.revoked_at > now() - $1::double precision * interval '1 millisecond'";
// Whatever the reader's last snapshot could not see, however early it was written: a transaction that hung then and has
// committed now is told now, and holds up no other. The first condition is for the index.
const since = 'r.xid >= pg_snapshot_xmin($1::pg_snapshot) and not pg_visible_in_snapshot(r.xid, $1::pg_snapshot)';

// One statement, so one snapshot: what it saw and what it says it saw are the same.
const select = (condition: string): string => `
  with now_seen as (
    select coalesce($2::pg_snapshot, pg_current_snapshot()) as until
  ), page as (
    select r.seq, r.credential_id from identity.revocations r, now_seen
    where ${condition} and r.seq > $3::bigint and pg_visible_in_snapshot(r.xid, now_seen.until)
    order by r.seq limit $4
  )
  select
    array(select credential_id::text from page order by seq) as ids,
    (select max(seq) from page)::text as last_seq,
    now_seen.until::text as until,
    ${currentPrimary} as primary
  from now_seen`;

export function revocationStore({ rows }: Database): RevocationStore {
  const listRevocations = async (
    from: RevocationPosition | undefined,
    windowMs: number,
    limit: number,
  ): Promise<RevocationPage> => {
    const text = select(from?.since === undefined ? ofTheWindow : since);
    const values = [from?.since ?? windowMs, from?.cut?.until ?? null, from?.cut?.after ?? '0', limit];
    const row = only(await rows<RevocationsRow>(text, values));
    // Another primary may lack transactions that the cursor counts as told, and gives their numbers to others.
    if (from && from.primary !== row.primary) return listRevocations(undefined, windowMs, limit);
    return { credentialIds: row.ids, position: positionAfter(row, from?.since, limit) };
  };
  return { listRevocations };
}

function positionAfter(row: RevocationsRow, since: string | undefined, limit: number): RevocationPosition {
  const { primary, until } = row;
  if (row.ids.length < limit) return { primary, since: until, cut: undefined };
  return { primary, since, cut: { until, after: row.last_seq ?? '0' } };
}
