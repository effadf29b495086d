import type { Pool, PoolClient } from 'pg';
import { ChangeKind } from '#gen/link/v1/change_pb.ts';
import { absentRecord } from '#runtime/shortlink/link-record.ts';
import type { DeletedLink } from '../store.ts';
import { lockKey } from './advisory-lock.postgres.ts';
import { bytesOf } from './record-bytes.ts';

/** SQL: deleted longer ago than this many milliseconds, by the database's clock. */
const deletedBefore = (parameter: string): string =>
  `deleted_at < clock_timestamp() - ${parameter} * interval '1 millisecond'`;

export async function findPurgeable(pool: Pool, afterMs: number, limit: number): Promise<DeletedLink[]> {
  const { rows } = await pool.query<DeletedLink>(
    `select id, domain, code from links where ${deletedBefore('$1')} order by deleted_at limit $2`,
    [afterMs, limit],
  );
  return rows;
}

/** What remains is a change record that says from which version on the code has no link. */
export async function purgeLink(client: PoolClient, link: DeletedLink, afterMs: number): Promise<boolean> {
  await lockKey(client, link);
  const { rows } = await client.query<{ version: string }>(
    `delete from links where domain = $1 and code = $2 and id = $3 and ${deletedBefore('$4')}
     returning nextval('link_version') as version`,
    [link.domain, link.code, link.id, afterMs],
  );
  const [row] = rows;
  if (!row) return false;
  await client.query('delete from link_uses where link_id = $1', [link.id]);
  await client.query('insert into link_changes (kind, record, changed_at) values ($1, $2, clock_timestamp())', [
    ChangeKind.PURGED,
    bytesOf(absentRecord(link, BigInt(row.version))),
  ]);
  return true;
}
