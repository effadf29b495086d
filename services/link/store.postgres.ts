import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import type { Pool, PoolClient } from 'pg';
import { ChangeKind, type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import type { ConcurrencyLimit } from '#runtime/limits/concurrency-limit.ts';
import { currentTimeline } from '#runtime/postgres/primary.ts';
import { type LinkRow, linkColumns, recordOfRow, timestampOf } from '#runtime/shortlink/link-record.ts';
import { lockNameOf } from './links/advisory-lock.postgres.ts';
import { changeLink } from './links/change.postgres.ts';
import {
  findReplay,
  keepIdempotencyKey,
  lockIdempotencyKey,
  sweepIdempotencyKeys,
} from './links/idempotency.postgres.ts';
import { isSearch, listStatement } from './links/list-statement.postgres.ts';
import { findPurgeable, purgeLink } from './links/purge.postgres.ts';
import { bytesOf, endStampOf, stampOf } from './links/record-bytes.ts';
import { findUses, takeLastUses, takeUses } from './links/uses.postgres.ts';
import type {
  Block,
  ChangeOutcome,
  ChosenCode,
  CreateOutcome,
  CreateRefusal,
  Idempotency,
  LinkStore,
  NewLink,
} from './store.ts';
import { noneStands, standingAmong } from './takedowns/standing.postgres.ts';
import { type Subject, subjectsOf } from './takedowns/subjects.ts';
import { currentHistory, historiesOfThisTable } from './timeline.postgres.ts';
import { Abandoned, guarded, transaction } from './transaction.postgres.ts';

interface Ticket {
  readonly version: string;
  readonly now: Date;
  readonly expires_at: Date | null;
}

/**
 * How many blocks a promoted standby may not know of: more than all processes together reserve within any lag. The numbers of that many
 * blocks are skipped once, so that codes handed out before stay unique, and processes may use up what they hold.
 */
const blocksLeftOut = 100;
/** How many numbers a restored dump may not know of: it may be days old. Of a key with a short range, half of the rest, so that it goes on. */
const numbersLeftOut = 1_000_000_000;
/** A base backup that was restored cannot be told from a promoted standby (docs/runbook.md, Restore). A row of an earlier version holds only the timeline. */
const skipped = `case
  when code_blocks.timeline in (${currentHistory}, ${currentTimeline}) then 0
  when code_blocks.timeline like ${historiesOfThisTable} or code_blocks.timeline not like '%/%'
    then ${blocksLeftOut} * code_blocks.block_size
  else least(${numbersLeftOut}, (code_blocks.last - code_blocks.next) / 2) end`;

/** An increasing version, and the time; evaluated after what precedes them in the statement. */
const ticketOf = `select nextval('link_version') as version, date_trunc('milliseconds', clock_timestamp()) as now`;

// Named, as the most frequent statements: parsed and planned once per connection.
const findLink = {
  name: 'find-link',
  text: `select ${linkColumns} from links where domain = $1 and code = $2 and workspace_id = $3`,
};

const lookUpLinks = {
  name: 'look-up-links',
  text: `select ${linkColumns} from links where (domain, code) in (select * from unnest($1::text[], $2::text[]))`,
};

interface StoreOptions {
  /** Called after every transaction that wrote change records. */
  readonly committed?: () => void;
  /** For statements that may read all links of a workspace: waiting for one another they keep nobody else waiting. */
  readonly searchPool?: Pool;
  /** How many of them one workspace may have under way: it is to leave connections to the others. */
  readonly searchLimit?: ConcurrencyLimit;
}

export function postgresStore(pool: Pool, options: StoreOptions = {}): LinkStore {
  const { committed = () => {}, searchPool = pool, searchLimit } = options;
  const query = async <Row extends object>(text: string, values: readonly unknown[]): Promise<Row[]> =>
    guarded(async () => (await pool.query<Row>(text, [...values])).rows);
  const search = async <Row extends object>(workspaceId: string, text: string, values: readonly unknown[]) => {
    const read = async (): Promise<Row[]> => (await searchPool.query<Row>(text, [...values])).rows;
    return guarded(() => (searchLimit ? searchLimit.run(workspaceId, read) : read()));
  };

  return {
    async create(link, code, idempotency) {
      const made = idempotency
        ? await transaction<CreateOutcome>(pool, (client) => insertOnce(client, link, code, idempotency))
        : await guarded(() => insertLink(pool, link, code));
      if (made.outcome === 'created') committed();
      return made;
    },
    replay: (workspaceId, idempotency) => guarded(() => findReplay(pool, workspaceId, idempotency)),
    async find(workspaceId, { domain, code }) {
      const values = [domain, code, workspaceId];
      const [row] = await guarded(async () => (await pool.query<LinkRow>({ ...findLink, values })).rows);
      return row && recordOfRow(row);
    },
    async lookup(keys) {
      const values = [keys.map(({ domain }) => domain), keys.map(({ code }) => code)];
      const { rows } = await guarded(() => pool.query<LinkRow>({ ...lookUpLinks, values }));
      return rows.map(recordOfRow);
    },
    async lookupIds(workspaceId, linkIds) {
      // links_by_creation includes the id: a workspace's index entries are scanned, and only the requested rows are read.
      const text = `select ${linkColumns} from links where workspace_id = $1 and id = any($2::uuid[])`;
      return (await search<LinkRow>(workspaceId, text, [workspaceId, linkIds])).map(recordOfRow);
    },
    async list(question) {
      const { text, values } = listStatement(question);
      const rows = isSearch(question)
        ? await search<LinkRow>(question.workspaceId, text, values)
        : await query<LinkRow>(text, values);
      return rows.map(recordOfRow);
    },
    async hasMadeLinks(workspaceId, userId) {
      const text = 'select 1 from links where workspace_id = $1 and created_by = $2 limit 1';
      return (await search(workspaceId, text, [workspaceId, userId])).length > 0;
    },
    async change(request, edit) {
      const changed = await transaction<ChangeOutcome>(pool, (client) => changeLink(client, request, edit));
      if (changed.outcome === 'changed') committed();
      return changed;
    },
    async openCodeSpace({ keyId, first, last, blockSize, fingerprint }) {
      const opened = await query(
        `insert into code_blocks (key_id, first, next, last, block_size, fingerprint, timeline)
         values ($1, $2, $2, $3, $4, $5, ${currentHistory})
         on conflict (key_id) do update set last = excluded.last, block_size = excluded.block_size,
           next = least(code_blocks.next + ${skipped}, excluded.last + 1), timeline = excluded.timeline,
           fingerprint = excluded.fingerprint
         where code_blocks.next <= excluded.last + 1 and code_blocks.fingerprint in ('', excluded.fingerprint)
         returning key_id`,
        [keyId, first, last, blockSize, fingerprint],
      );
      if (opened.length > 0) return;
      const [row] = await query<{ next: string; fingerprint: string }>(
        'select next, fingerprint from code_blocks where key_id = $1',
        [keyId],
      );
      if (row?.fingerprint && row.fingerprint !== fingerprint)
        throw new Error(
          `Code key ${keyId} of HOP_CODE_KEYS_FILE is not the one that links were made with: put that one back, or give this one another id and range (docs/runbook.md, Restore).`,
        );
      throw new Error(`Code key ${keyId} ends at ${last}, but numbers below ${row?.next} are handed out already.`);
    },
    async reserveBlock(keyId) {
      const rows = await query<{ first: string; end: string }>(
        `update code_blocks
         set next = next + ${skipped} + block_size, timeline = ${currentHistory}
         where key_id = $1 and next + ${skipped} + block_size - 1 <= last
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
    async takeUses(link, wanted) {
      const some = await guarded(() => takeUses(pool, link, wanted));
      if (some) return some;
      const { told, ...last } = await transaction(pool, (client) => takeLastUses(client, link, wanted));
      if (told) committed();
      return last;
    },
    uses: (linkIds) => guarded(() => findUses(pool, linkIds)),
    async expireLinks(limit) {
      const expired = await transaction(pool, (client) => markExpired(client, limit));
      if (expired > 0) committed();
      return expired;
    },
    findPurgeable: (afterMs, limit) => guarded(() => findPurgeable(pool, afterMs, limit)),
    async purge(link, afterMs) {
      const purged = await transaction(pool, (client) => purgeLink(client, link, afterMs));
      if (purged) committed();
      return purged;
    },
    sweepIdempotencyKeys: (limit) => guarded(() => sweepIdempotencyKeys(pool, limit)),
  };
}

/** Within a transaction, so that a concurrent duplicate of the request waits for it and then finds what it created. */
async function insertOnce(
  client: PoolClient,
  link: NewLink,
  code: ChosenCode,
  idempotency: Idempotency,
): Promise<CreateOutcome> {
  await lockIdempotencyKey(client, link.workspaceId, idempotency.key);
  const replayed = await findReplay(client, link.workspaceId, idempotency);
  if (replayed) return replayed;
  const made = await insertLink(client, link, code);
  if (!('record' in made)) throw new Abandoned(made.outcome);
  await keepIdempotencyKey(client, made.record, idempotency);
  return made;
}

/**
 * Locks the domain and code, whether or not a link exists there, takes a version and the time, and writes the link and its change. One
 * statement, because a round trip costs this process about as much as the statement costs Postgres.
 */
const insertText = `with held as materialized (select pg_advisory_xact_lock(hashtextextended($14, 0))),
  ticket as materialized (${ticketOf} from held where ${noneStands('$15')}),
  made as (
    insert into links (domain, code, id, version, workspace_id, created_by, number, code_key_id, destination,
                       redirect_status, title, tags, created_at, updated_at, expires_at, max_clicks)
    select $1, $2, $3::uuid, version, $4::uuid, $5::uuid, $6::bigint, $7::integer, $8, $9::smallint, $10, $11::text[],
      now, now, coalesce($12::timestamptz, now + $17::integer * interval '1 second'), $16::integer from ticket
    on conflict (domain, code) do nothing returning version, created_at as now, expires_at),
  told as (
    insert into link_changes (kind, record, changed_at)
    select ${ChangeKind.CREATED}, $13::bytea || ${stampOf({ version: 'version', at: 'now' })}
      || case when $17::integer is null then ''::bytea else ${endStampOf('expires_at')} end, now from made)
  select version, now, expires_at from made`;

async function insertLink(db: Pool | PoolClient, link: NewLink, code: ChosenCode): Promise<CreateOutcome> {
  const plan = unstamped(link, code);
  const subjects = subjectsOf(link);
  const { rows } = await db.query<Ticket>({
    name: 'insert-link',
    text: insertText,
    values: [
      ...[plan.domain, plan.code, plan.id, plan.workspaceId, plan.createdBy, plan.number, plan.codeKeyId],
      ...[plan.destination, plan.redirectStatus, plan.title, plan.tags, link.expiresAt ?? null],
      ...[bytesOf(plan), lockNameOf(plan), subjects, link.maxClicks ?? null, link.ttl ?? null],
    ],
  });
  const [ticket] = rows;
  if (!ticket) return { outcome: await refusalOf(db, subjects) };
  const at = timestampOf(ticket.now);
  const record = { ...plan, version: BigInt(ticket.version), createdAt: at, updatedAt: at };
  if (ticket.expires_at) record.expiresAt = timestampOf(ticket.expires_at);
  return { outcome: 'created', record };
}

/** Why nothing was created. */
async function refusalOf(db: Pool | PoolClient, subjects: readonly Subject[]): Promise<CreateRefusal> {
  const standing = [...(await standingAmong(db, subjects))];
  if (standing.length === 0) return 'code_taken';
  return standing.some((subject) => subject.startsWith('workspace:')) ? 'workspace_taken_down' : 'host_taken_down';
}

/** The record without its version and times, which the database sets, including the end of a link with a ttl. */
function unstamped(link: NewLink, code: ChosenCode): LinkRecord {
  return create(LinkRecordSchema, {
    id: randomUUID(),
    domain: link.domain,
    code: code.code,
    workspaceId: link.workspaceId,
    createdBy: link.createdBy,
    number: BigInt(code.number),
    codeKeyId: code.codeKeyId,
    destination: link.destination,
    redirectStatus: link.redirectStatus,
    title: link.title,
    tags: [...link.tags],
    ...(link.expiresAt ? { expiresAt: timestampOf(link.expiresAt) } : {}),
    maxClicks: link.maxClicks ?? 0,
  });
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
