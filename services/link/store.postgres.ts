import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import type { Pool, PoolClient } from 'pg';
import { ChangeKind, type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { classify } from '#runtime/postgres/pool.ts';
import { dateOf, type LinkRow, linkColumns, recordOfRow, timestampOf } from '#runtime/shortlink/link-record.ts';
import {
  findReplay,
  keepIdempotencyKey,
  lockIdempotencyKey,
  sweepIdempotencyKeys,
} from './links/idempotency.postgres.ts';
import { listStatement } from './links/list-statement.postgres.ts';
import { bytesOf } from './links/record-bytes.ts';
import type {
  Block,
  ChangeOutcome,
  ChangeRequest,
  ChosenCode,
  CreateOutcome,
  Edit,
  Idempotency,
  LinkStore,
  NewLink,
} from './store.ts';
import { Abandoned, guarded, transaction } from './transaction.postgres.ts';

interface Ticket {
  readonly version: string;
  readonly now: Date;
}

/** `committed` is called after every transaction that wrote change records. */
export function postgresStore(pool: Pool, committed: () => void = () => {}): LinkStore {
  const query = async <Row extends object>(text: string, values: readonly unknown[]): Promise<Row[]> =>
    guarded(async () => (await pool.query<Row>(text, [...values])).rows);

  return {
    async create(link, code, idempotency) {
      const made = await transaction<CreateOutcome>(pool, (client) => insertLink(client, link, code, idempotency));
      if (made.outcome === 'created') committed();
      return made;
    },
    replay: (workspaceId, idempotency) => guarded(() => findReplay(pool, workspaceId, idempotency)),
    async find(workspaceId, { domain, code }) {
      const rows = await query<LinkRow>(
        `select ${linkColumns} from links where domain = $1 and code = $2 and workspace_id = $3`,
        [domain, code, workspaceId],
      );
      return rows[0] && recordOfRow(rows[0]);
    },
    async lookup(keys) {
      const rows = await query<LinkRow>(
        `select ${linkColumns} from links where (domain, code) in (select * from unnest($1::text[], $2::text[]))`,
        [keys.map(({ domain }) => domain), keys.map(({ code }) => code)],
      );
      return rows.map(recordOfRow);
    },
    async list(question) {
      const { text, values } = listStatement(question);
      return (await query<LinkRow>(text, values)).map(recordOfRow);
    },
    async hasMadeLinks(workspaceId, userId) {
      const text = 'select 1 from links where workspace_id = $1 and created_by = $2 limit 1';
      return (await query(text, [workspaceId, userId])).length > 0;
    },
    async change(request, edit) {
      const changed = await transaction<ChangeOutcome>(pool, (client) => changeLink(client, request, edit));
      if (changed.outcome === 'changed') committed();
      return changed;
    },
    async openCodeSpace({ keyId, first, last, blockSize }) {
      await query(
        `insert into code_blocks (key_id, first, next, last, block_size) values ($1, $2, $2, $3, $4)
         on conflict (key_id) do update set last = excluded.last, block_size = excluded.block_size`,
        [keyId, first, last, blockSize],
      );
    },
    async reserveBlock(keyId) {
      const rows = await query<{ first: string; end: string }>(
        `update code_blocks set next = next + block_size where key_id = $1 and next + block_size - 1 <= last
         returning next - block_size as first, next as end`,
        [keyId],
      );
      return rows[0] && blockOf(rows[0]);
    },
    async lookalikes(after, limit) {
      return query(
        `select domain, code from links where lookalike and (domain, code) > ($1, $2) order by domain, code limit $3`,
        [after?.domain ?? '', after?.code ?? '', limit],
      );
    },
    async expireLinks(limit) {
      const expired = await transaction(pool, (client) => markExpired(client, limit));
      if (expired > 0) committed();
      return expired;
    },
    sweepIdempotencyKeys: (limit) => guarded(() => sweepIdempotencyKeys(pool, limit)),
  };
}

async function insertLink(
  client: PoolClient,
  link: NewLink,
  code: ChosenCode,
  idempotency: Idempotency | undefined,
): Promise<CreateOutcome> {
  if (idempotency) {
    await lockIdempotencyKey(client, link.workspaceId, idempotency.key);
    const replayed = await findReplay(client, link.workspaceId, idempotency);
    if (replayed) return replayed;
  }
  const record = newRecord(link, code, await takeTicket(client, { domain: link.domain, code: code.code }));
  const { rowCount } = await client.query(
    `with made as (
       insert into links (domain, code, id, version, workspace_id, created_by, number, code_key_id, destination,
                          redirect_status, title, tags, created_at, updated_at, expires_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14)
       on conflict (domain, code) do nothing returning 1)
     insert into link_changes (kind, record, changed_at) select $15, $16, $13::timestamptz from made`,
    [
      ...[record.domain, record.code, record.id, record.version, record.workspaceId, record.createdBy, record.number],
      ...[record.codeKeyId, record.destination, record.redirectStatus, record.title, record.tags],
      ...[record.createdAt && dateOf(record.createdAt), link.expiresAt ?? null],
      ...[ChangeKind.CREATED, bytesOf(record)],
    ],
  );
  if (rowCount === 0) throw new Abandoned('code_taken');
  if (idempotency) await keepIdempotencyKey(client, record, idempotency);
  return { outcome: 'created', record };
}

function newRecord(link: NewLink, code: ChosenCode, { version, now }: Ticket): LinkRecord {
  return create(LinkRecordSchema, {
    id: randomUUID(),
    domain: link.domain,
    code: code.code,
    version: BigInt(version),
    workspaceId: link.workspaceId,
    createdBy: link.createdBy,
    number: BigInt(code.number),
    codeKeyId: code.codeKeyId,
    destination: link.destination,
    redirectStatus: link.redirectStatus,
    title: link.title,
    tags: [...link.tags],
    createdAt: timestampOf(now),
    updatedAt: timestampOf(now),
    ...(link.expiresAt ? { expiresAt: timestampOf(link.expiresAt) } : {}),
  });
}

/** Locks a place among the links, whether a link is there or not, and then takes a version and the time. */
async function takeTicket(client: PoolClient, { domain, code }: { domain: string; code: string }): Promise<Ticket> {
  const { rows } = await client.query<Ticket>(
    `with held as materialized (select pg_advisory_xact_lock(hashtextextended($1, 0)))
     select nextval('link_version') as version, date_trunc('milliseconds', clock_timestamp()) as now from held`,
    [`link:${domain}/${code}`],
  );
  return rows[0] as Ticket;
}

async function changeLink(
  client: PoolClient,
  { workspaceId, key, newCode }: ChangeRequest,
  edit: (current: LinkRecord, now: Date) => Edit | undefined,
): Promise<ChangeOutcome> {
  if (newCode !== undefined && newCode !== key.code) {
    // In one order, so that two renames that swap codes do not wait for each other.
    for (const code of [key.code, newCode].sort()) await takeTicket(client, { domain: key.domain, code });
  }
  const { rows } = await client.query<LinkRow & { next_version: string; now: Date }>(
    `with held as materialized (
       select ${linkColumns} from links where domain = $1 and code = $2 and workspace_id = $3 for update)
     select held.*, nextval('link_version') as next_version, date_trunc('milliseconds', clock_timestamp()) as now
     from held`,
    [key.domain, key.code, workspaceId],
  );
  const [row] = rows;
  if (!row) return { outcome: 'missing' };
  const current = recordOfRow(row);
  const wanted = edit(current, row.now);
  if (!wanted) return { outcome: 'unchanged', record: current };
  const record = create(LinkRecordSchema, { ...wanted.next, version: BigInt(row.next_version) });
  const previousCode = record.code === current.code ? '' : current.code;
  try {
    await updateRow(client, current.code, record);
  } catch (error) {
    throw classify(error).kind === 'unique' ? new Abandoned('code_taken') : error;
  }
  await client.query('insert into link_changes (kind, record, previous_code, changed_at) values ($1, $2, $3, $4)', [
    wanted.kind,
    bytesOf(record),
    previousCode,
    row.now,
  ]);
  return { outcome: 'changed', record, previousCode };
}

async function updateRow(client: PoolClient, heldCode: string, record: LinkRecord): Promise<void> {
  await client.query(
    `update links set code = $3, version = $4, number = $5, code_key_id = $6, destination = $7, redirect_status = $8,
       title = $9, tags = $10, disabled = $11, updated_at = $12, expires_at = $13, deleted_at = $14,
       expiry_announced = expiry_announced and expires_at is not distinct from $13
     where domain = $1 and code = $2`,
    [
      ...[record.domain, heldCode, record.code, record.version, record.number, record.codeKeyId, record.destination],
      ...[record.redirectStatus, record.title, record.tags, record.disabled],
      record.updatedAt && dateOf(record.updatedAt),
      record.expiresAt ? dateOf(record.expiresAt) : null,
      record.deletedAt ? dateOf(record.deletedAt) : null,
    ],
  );
}

async function markExpired(client: PoolClient, limit: number): Promise<number> {
  const { rows } = await client.query<LinkRow & { next_version: string }>(
    `with due as materialized (
       select ${linkColumns} from links
       where expires_at <= clock_timestamp() and deleted_at is null and not expiry_announced
       order by expires_at limit $1 for update skip locked)
     select due.*, nextval('link_version') as next_version from due`,
    [limit],
  );
  if (rows.length === 0) return 0;
  const records = rows.map((row) => recordOfRow({ ...row, version: row.next_version }));
  await client.query(
    `with due as (select * from unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[]) as due (domain, code, version, record)),
     marked as (
       update links set version = due.version, expiry_announced = true from due
       where links.domain = due.domain and links.code = due.code returning due.record)
     insert into link_changes (kind, record, changed_at) select $5, record, clock_timestamp() from marked`,
    [
      records.map(({ domain }) => domain),
      records.map(({ code }) => code),
      records.map(({ version }) => version),
      records.map(bytesOf),
      ChangeKind.EXPIRED,
    ],
  );
  return rows.length;
}

function blockOf({ first, end }: { first: string; end: string }): Block {
  return { first: Number(first), end: Number(end) };
}
