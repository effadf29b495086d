import { fromBinary } from '@bufbuild/protobuf';
import type { Pool, PoolClient } from 'pg';
import { type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { classify } from '#runtime/postgres/pool.ts';
import type { CreateOutcome, Idempotency } from '../store.ts';
import { Abandoned } from '../transaction.postgres.ts';
import { lockName } from './advisory-lock.postgres.ts';
import { bytesOf } from './record-bytes.ts';

/** How long an idempotency key is remembered. */
const lifetime = '24 hours';

/** A concurrent duplicate's transaction holds the lock until its link exists and can be returned again. */
export async function lockIdempotencyKey(client: PoolClient, workspaceId: string, key: string): Promise<void> {
  try {
    await lockName(client, `idempotency:${workspaceId}/${key}`);
  } catch (error) {
    throw classify(error).kind === 'timeout' ? new Abandoned('key_busy') : error;
  }
}

export async function findReplay(
  client: Pool | PoolClient,
  workspaceId: string,
  { key, requestHash }: Idempotency,
): Promise<CreateOutcome | undefined> {
  const { rows } = await client.query<{ request_hash: Buffer; record: Buffer }>({
    name: 'find-replay',
    text: `select request_hash, record from idempotency_keys where workspace_id = $1 and key = $2
     and created_at >= clock_timestamp() - interval '${lifetime}'`,
    values: [workspaceId, key],
  });
  const [row] = rows;
  if (!row) return undefined;
  if (!row.request_hash.equals(requestHash)) return { outcome: 'key_reused' };
  return { outcome: 'replayed', record: fromBinary(LinkRecordSchema, row.record) };
}

export async function keepIdempotencyKey(
  client: PoolClient,
  record: LinkRecord,
  idempotency: Idempotency,
): Promise<void> {
  await client.query({
    name: 'keep-idempotency-key',
    text: `insert into idempotency_keys (workspace_id, key, request_hash, record, created_at)
     values ($1, $2, $3, $4, clock_timestamp())
     on conflict (workspace_id, key) do update
     set request_hash = excluded.request_hash, record = excluded.record, created_at = excluded.created_at`,
    values: [record.workspaceId, idempotency.key, idempotency.requestHash, bytesOf(record)],
  });
}

/** Returns how many were deleted. */
export async function sweepIdempotencyKeys(pool: Pool, limit: number): Promise<number> {
  const { rowCount } = await pool.query(
    `delete from idempotency_keys where (workspace_id, key) in (
       select workspace_id, key from idempotency_keys
       where created_at < clock_timestamp() - interval '${lifetime}' limit $1 for update skip locked)`,
    [limit],
  );
  return rowCount ?? 0;
}
