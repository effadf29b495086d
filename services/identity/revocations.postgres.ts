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

/** SQL: the snapshot of a moment, and its time; null where it has none, and nothing is later. */
const snapshotOf = (moment: string): string => `split_part(${moment}, '@', 1)::pg_snapshot`;
const timeOf = (moment: string): string => `to_timestamp(nullif(split_part(${moment}, '@', 2), '')::double precision)`;

const ofTheWindow = "r.revoked_at > now() - $1::double precision * interval '1 millisecond'";
// Everything that the reader's last snapshot could not see, however early it was written: a transaction that hung then and has committed
// now is reported now, and holds up no other. The first condition is for the index. And everything begun later: transactions aborted just
// before a crash leave numbers that are reused after it, which the snapshot would count as seen.
const since = `(r.xid >= pg_snapshot_xmin(${snapshotOf('$1')}) and not pg_visible_in_snapshot(r.xid, ${snapshotOf('$1')})
  or r.revoked_at > ${timeOf('$1')})`;

// One statement, so one snapshot: the rows and the reported snapshot agree. The time is read after it was taken.
const select = (condition: string): string => `
  with now_seen as (
    select coalesce($2, pg_current_snapshot() || '@' || extract(epoch from clock_timestamp())) as until
  ), page as (
    select r.seq, r.credential_id from identity.revocations r, now_seen
    where ${condition} and r.seq > $3::bigint and pg_visible_in_snapshot(r.xid, ${snapshotOf('now_seen.until')})
    order by r.seq limit $4
  )
  select
    array(select credential_id::text from page order by seq) as ids,
    (select max(seq) from page)::text as last_seq,
    now_seen.until,
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
    // Another primary may lack transactions that the cursor counts as reported, and reuse their numbers.
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
