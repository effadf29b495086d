import { create } from '@bufbuild/protobuf';
import type { PoolClient } from 'pg';
import { ChangeKind, type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { classify } from '#runtime/postgres/pool.ts';
import { dateOf, recordOfRow } from '#runtime/shortlink/link-record.ts';
import type { ChangeOutcome, ChangeRequest, Edit } from '../store.ts';
import { noneStands, standingAmong } from '../takedowns/standing.postgres.ts';
import { type Subject, subjectsOf } from '../takedowns/subjects.ts';
import { Abandoned } from '../transaction.postgres.ts';
import { lockKey } from './advisory-lock.postgres.ts';
import { type LockedRow, lockLink } from './locked-rows.postgres.ts';
import { bytesOf } from './record-bytes.ts';
import { isUsedUp } from './uses.postgres.ts';

/** Within the transaction of `client`; see LinkStore.change. */
export async function changeLink(
  client: PoolClient,
  { workspaceId, key, newCode }: ChangeRequest,
  edit: (current: LinkRecord, now: Date) => Edit | undefined,
): Promise<ChangeOutcome> {
  if (newCode !== undefined && newCode !== key.code) {
    // In a fixed order, so that two renames that swap codes do not deadlock.
    for (const code of [key.code, newCode].sort()) await lockKey(client, { domain: key.domain, code });
  }
  const row = await lockLink(client, key, workspaceId);
  if (!row) return { outcome: 'missing' };
  const current = recordOfRow(row);
  const wanted = edit(current, row.now);
  if (!wanted) return { outcome: 'unchanged', record: current };
  const isEdit = wanted.kind === ChangeKind.UPDATED || wanted.kind === ChangeKind.RENAMED;
  // This also applies while its takedown is already lifted, but not yet for this link.
  if (isEdit && row.owner_disabled !== null) throw new Abandoned('link_taken_down');
  const usedUp = await isUsedUp(client, wanted.next);
  const record = create(LinkRecordSchema, { ...wanted.next, version: BigInt(row.next_version), usedUp });
  const previousCode = record.code === current.code ? '' : current.code;
  // A link that is taken down stays so when it is restored. One that is not may still be covered by a takedown that is being carried out,
  // or by its closed workspace, both of which leave deleted links alone: restored, it would be followed.
  const mayComeUp = isEdit || (wanted.kind === ChangeKind.RESTORED && row.owner_disabled === null);
  const subjects = mayComeUp ? [...subjectsOf(current), ...subjectsOf(record)] : [];
  await updateRow(client, { current, record, kind: wanted.kind, previousCode, now: row.now, subjects });
  return { outcome: 'changed', record, previousCode };
}

interface Update extends Pick<LockedRow, 'now'> {
  readonly current: LinkRecord;
  readonly record: LinkRecord;
  readonly kind: ChangeKind;
  readonly previousCode: string;
  /** None of them may be taken down. */
  readonly subjects: readonly Subject[];
}

/** Writes the link and its change. One statement, as for a create: a round trip costs this process what a statement costs Postgres. */
const updateText = `with updated as (
    update links set code = $3, version = $4, number = $5, code_key_id = $6, destination = $7, redirect_status = $8,
      title = $9, tags = $10, disabled = $11, updated_at = $12, expires_at = $13, deleted_at = $14,
      expiry_announced = expiry_announced and expires_at is not distinct from $13, max_clicks = $15, used_up = $16
    where domain = $1 and code = $2 and ${noneStands('$17')} returning version)
  insert into link_changes (kind, record, previous_code, changed_at)
    select $18::smallint, $19::bytea, $20, $21::timestamptz from updated`;

async function updateRow(client: PoolClient, { current, record, subjects, ...change }: Update): Promise<void> {
  const updated = client.query({
    name: 'update-link',
    text: updateText,
    values: [
      ...[record.domain, current.code, record.code, record.version, record.number, record.codeKeyId],
      ...[record.destination, record.redirectStatus, record.title, record.tags, record.disabled],
      record.updatedAt && dateOf(record.updatedAt),
      record.expiresAt ? dateOf(record.expiresAt) : null,
      record.deletedAt ? dateOf(record.deletedAt) : null,
      ...[record.maxClicks || null, record.usedUp],
      subjects,
      ...[change.kind, bytesOf(record), change.previousCode, change.now],
    ],
  });
  const { rowCount } = await updated.catch((error: unknown) => {
    throw classify(error).kind === 'unique' ? new Abandoned('code_taken') : error;
  });
  if (rowCount === 1) return;
  const isDown = (await standingAmong(client, subjectsOf(current))).size > 0;
  throw new Abandoned(isDown ? 'link_taken_down' : 'host_taken_down');
}
