import type { PoolClient } from 'pg';
import type { ChangeKind, LinkRecord } from '#gen/link/v1/change_pb.ts';
import { dateOf } from '#runtime/shortlink/link-record.ts';
import { bytesOf } from '../links/record-bytes.ts';

/** A link as it is to be, and its owner's setting while it is taken down; null: it is not. */
export interface SettledLink {
  readonly record: LinkRecord;
  readonly ownerDisabled: boolean | null;
}

/** Writes the outcome for locked links, whether they are down or deleted, with a change of this kind for each. */
export async function writeSettled(client: PoolClient, kind: ChangeKind, links: readonly SettledLink[]): Promise<void> {
  const records = links.map(({ record }) => record);
  await client.query(
    `with due as (
       select * from unnest($1::text[], $2::text[], $3::bigint[], $4::boolean[], $5::boolean[], $6::timestamptz[],
                            $7::timestamptz[], $8::bytea[])
       as due (domain, code, version, disabled, owner_disabled, deleted_at, at, record)),
     marked as (
       update links set version = due.version, updated_at = due.at, disabled = due.disabled,
         owner_disabled = due.owner_disabled, deleted_at = due.deleted_at
       from due where links.domain = due.domain and links.code = due.code returning due.record, due.at)
     insert into link_changes (kind, record, changed_at) select $9, record, at from marked`,
    [
      records.map(({ domain }) => domain),
      records.map(({ code }) => code),
      records.map(({ version }) => version),
      records.map(({ disabled }) => disabled),
      links.map(({ ownerDisabled }) => ownerDisabled),
      records.map(({ deletedAt }) => deletedAt && dateOf(deletedAt)),
      records.map(({ updatedAt }) => updatedAt && dateOf(updatedAt)),
      records.map(bytesOf),
      kind,
    ],
  );
}
