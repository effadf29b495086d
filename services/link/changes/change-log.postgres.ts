import { setTimeout as sleep } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import type { Pool, PoolClient } from 'pg';
import { type ChangeKind, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { currentTimeline } from '#runtime/postgres/primary.ts';
import type { CodeBlocks } from '../store.ts';
import { currentHistory } from '../timeline.postgres.ts';
import { guarded, transaction } from '../transaction.postgres.ts';
import { type ChangeCursor, readCursor, xmaxOf, xminOf } from './change-cursor.ts';
import {
  type ChangeLog,
  type ChangeReader,
  type Continuation,
  type Leadership,
  lookSize,
  mostMissed,
  type Reading,
  type StoredChange,
} from './change-log.ts';

const channel = 'link_changes';
/**
 * Numbers of transactions that were aborted just before a crash may be reused after it: a cursor from before would count those as seen. So
 * a resumption reads again what was written since the cursor, and a little before.
 */
const overlapMs = 5_000;
/** Before a table is analysed the planner expects a third of it to be unseen, and reads all of it. */
const planByIndex = 'enable_seqscan = off';
const relayName = 'cache';
const relayLock = 'link-relay';

interface ChangeRow {
  readonly seq: string;
  readonly kind: ChangeKind;
  readonly record: Buffer;
  readonly previous_code: string;
  readonly changed_at: Date;
}

interface Identity {
  readonly system: string;
  readonly timeline: string;
  /** Of the code blocks. */
  readonly history: string;
}

interface Place {
  readonly snapshot: string;
  readonly read_at: Date;
}

interface SpaceRow {
  readonly key_id: number;
  readonly first: number;
  readonly next: number;
  readonly last: number;
  readonly block_size: number;
  readonly timeline: string;
  readonly fingerprint: string;
}

/** Without changes there is one row, in which the columns of the change are null. */
interface LookRow extends Place, ChangeRow {
  readonly spaces: readonly SpaceRow[] | null;
  readonly relayed: string | null;
}

/**
 * Not visible in the snapshot $1: begun after it, or in progress in it. Two index scans, however long a transaction is in progress. They
 * are collected before sorting: the planner would otherwise walk all changes in the order of seq.
 */
const unseenSeqs = `select seq from link_changes where xid >= pg_snapshot_xmax($1::pg_snapshot)
  union all select seq from link_changes where xid = any (array(select pg_snapshot_xip($1::pg_snapshot)))`;
const isUnseen = `(xid >= pg_snapshot_xmax($1::pg_snapshot) or xid = any (array(select pg_snapshot_xip($1::pg_snapshot))))`;

/**
 * A dump that was restored into another cluster brings that one's transaction ids, which this one has yet to give: such changes would be unseen
 * in every reading. What a snapshot can see is below its end. Nobody has missed them: whoever watches begins anew with another cluster.
 */
const forgetForeignChanges = `with foreign_changes as (
    delete from link_changes where xid >= pg_snapshot_xmax(pg_current_snapshot()))
  update change_horizon set pruned_to = '0' where pruned_to >= pg_snapshot_xmax(pg_current_snapshot())`;

const identityQuery = `select (select system_identifier::text from pg_control_system()) as system,
  ${currentTimeline} as timeline, ${currentHistory} as history`;

/** The time is the statement's start, which is before its snapshot: whatever was committed before that time is visible. */
const place = 'pg_current_snapshot()::text as snapshot, statement_timestamp() as read_at';
const placeQuery = `select ${place}`;

const lookQuery = `with unseen as materialized (${unseenSeqs}),
  first as materialized (select seq from unseen order by seq limit ${lookSize + 1})
  select ${place},
    (select json_agg(code_blocks) from code_blocks) as spaces,
    (select cursor from relay_cursors where name = '${relayName}') as relayed,
    changes.seq, changes.kind, changes.record, changes.previous_code, changes.changed_at
  from (select) as once left join (link_changes as changes join first using (seq)) on true order by changes.seq`;

/** The change log in the primary. The pool is separate: readers and the relay's lock hold connections for a long time. */
export function postgresChangeLog(pool: Pool): ChangeLog {
  return {
    open: (woken) => openReader(pool, woken),
    continuation: (cursor) => transaction(pool, (client) => continuationOf(client, cursor)),
    page: (cursor, afterSeq, limit) => guarded(() => readPage(pool, cursor, afterSeq, limit)),
    announce: () => guarded(async () => void (await pool.query(`notify ${channel}`))),
    prune: (retentionMs, limit) => guarded(() => prune(pool, retentionMs, limit)),
    relayCursor: () =>
      guarded(async () => {
        const text = 'select cursor from relay_cursors where name = $1';
        return (await pool.query<{ cursor: string }>(text, [relayName])).rows[0]?.cursor;
      }),
    saveRelayCursor: (cursor) =>
      guarded(async () => {
        await pool.query(
          `insert into relay_cursors (name, cursor, updated_at) values ($1, $2, clock_timestamp())
           on conflict (name) do update set cursor = excluded.cursor, updated_at = excluded.updated_at`,
          [relayName, cursor],
        );
      }),
    leadRelay: (signal) => leadRelay(pool, signal),
  };
}

async function openReader(pool: Pool, woken: () => void): Promise<ChangeReader> {
  const client = await pool.connect();
  try {
    client.on('notification', woken);
    await client.query(`listen ${channel}; set ${planByIndex}`);
    const { rows } = await client.query<Identity>(identityQuery);
    const identity = rows[0] as Identity;
    await client.query(forgetForeignChanges);
    return {
      now: async () => cursorOf(identity, (await client.query<Place>(placeQuery)).rows[0] as Place),
      read: (since) => look(client, identity, since.snapshot),
      // A listening connection must not go back to the pool.
      close: () => client.release(true),
    };
  } catch (error) {
    client.release(true);
    throw error;
  }
}

async function look(client: PoolClient, identity: Identity, since: string): Promise<Reading> {
  const { rows } = await client.query<LookRow>({ name: 'look', text: lookQuery, values: [since] });
  const first = rows[0] as LookRow;
  const changes = rows.filter(({ seq }) => seq !== null).map(changeOf);
  const spaces = (first.spaces ?? []).map((row) => spaceOf(row, identity));
  const cursor = cursorOf(identity, first);
  return { cursor, changes, more: changes.length > lookSize, spaces, cachedUntilMs: cachedUntil(identity, first) };
}

/** What the relay recorded on another timeline says nothing about the changes of this one. */
function cachedUntil({ system, timeline }: Identity, { relayed }: LookRow): number | undefined {
  const place = relayed === null ? undefined : readCursor(relayed);
  return place?.system === system && place.timeline === timeline ? place.readAtMs : undefined;
}

function cursorOf({ system, timeline }: Identity, { snapshot, read_at }: Place): ChangeCursor {
  return { system, timeline, snapshot, readAtMs: read_at.getTime() };
}

async function continuationOf(client: PoolClient, cursor: ChangeCursor): Promise<Continuation> {
  await client.query(`set local ${planByIndex}`);
  const { rows } = await client.query<
    Identity & { pruned_to: string; xmax: string; first: string | null; missed: number }
  >(
    `with missed as materialized (
       ${unseenSeqs} union all select seq from link_changes where changed_at >= $2::timestamptz and not ${isUnseen}
       limit ${mostMissed + 1})
     select identity.*, (select pruned_to::text from change_horizon) as pruned_to,
       pg_snapshot_xmax(pg_current_snapshot())::text as xmax, (select min(seq) from missed) as first,
       (select count(*)::int from missed) as missed
     from (${identityQuery}) as identity`,
    [cursor.snapshot, overlapStart(cursor)],
  );
  const [row] = rows;
  if (!row || row.system !== cursor.system || row.timeline !== cursor.timeline)
    return lost('The primary was replaced.');
  if (xmaxOf(cursor) > BigInt(row.xmax)) return lost('The cursor is ahead of the primary.');
  if (xminOf(cursor) <= BigInt(row.pruned_to))
    return lost('The cursor reaches back further than the changes that are kept.');
  if (row.missed > mostMissed) return lost('More changes were missed than are told again.');
  return row.first === null ? { outcome: 'up_to_date' } : { outcome: 'continue', fromSeq: BigInt(row.first) };
}

function lost(reason: string): Continuation {
  return { outcome: 'cannot_continue', reason };
}

async function readPage(pool: Pool, cursor: ChangeCursor, afterSeq: bigint, limit: number): Promise<StoredChange[]> {
  const { rows } = await pool.query<ChangeRow>(
    `select seq, kind, record, previous_code, changed_at from link_changes
     where seq > $3 and (${isUnseen} or changed_at >= $2::timestamptz) order by seq limit $4`,
    [cursor.snapshot, overlapStart(cursor), afterSeq, limit],
  );
  return rows.map(changeOf);
}

/** Deletes the oldest first, and moves the horizon in the same statement, so that no cursor slips through in between. */
async function prune(pool: Pool, retentionMs: number, limit: number): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `with oldest as materialized (select seq, changed_at from link_changes order by seq limit $2),
     gone as (
       delete from link_changes using oldest
       where link_changes.seq = oldest.seq and oldest.changed_at < clock_timestamp() - $1 * interval '1 millisecond'
       returning link_changes.xid),
     moved as (
       update change_horizon set pruned_to = greatest(pruned_to, (select max(xid) from gone))
       where exists (select from gone))
     select count(*)::int as count from gone`,
    [retentionMs, limit],
  );
  return rows[0]?.count ?? 0;
}

/** A session lock: the process that holds it is the relay, and loses the role with the connection. */
async function leadRelay(pool: Pool, signal: AbortSignal): Promise<Leadership | undefined> {
  while (!signal.aborted) {
    const client = await pool.connect().catch(() => undefined);
    const query = 'select pg_try_advisory_lock(hashtextextended($1, 0)) as held';
    const held = await client?.query<{ held: boolean }>(query, [relayLock]).catch(() => undefined);
    if (client && held?.rows[0]?.held) return leadership(client);
    client?.release(true);
    await sleep(1_000 + Math.random() * 500, undefined, { signal }).catch(() => {});
  }
  return undefined;
}

function leadership(client: PoolClient): Leadership {
  const { promise: lost, resolve } = Promise.withResolvers<void>();
  client.once('end', resolve);
  client.once('error', () => resolve());
  return { lost, release: () => client.release(true) };
}

function changeOf(row: ChangeRow): StoredChange {
  return {
    seq: BigInt(row.seq),
    kind: row.kind,
    record: fromBinary(LinkRecordSchema, row.record),
    previousCode: row.previous_code,
    changedAt: row.changed_at,
  };
}

/**
 * Another history may not know all blocks of a key until the first is reserved in this one: until then all of its range is reported as
 * handed out. The key is never left out, because a key that resolvers lack is what stops them from judging codes.
 */
function spaceOf(row: SpaceRow, { history, timeline }: Identity): CodeBlocks {
  const isKnown = row.timeline === history || row.timeline === timeline;
  const { key_id: keyId, first, block_size: blockSize, fingerprint } = row;
  return { keyId, first, next: isKnown ? row.next : row.last + 1, blockSize, fingerprint };
}

function overlapStart({ readAtMs }: ChangeCursor): Date {
  return new Date(readAtMs - overlapMs);
}
