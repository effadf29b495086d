import type { Pool } from 'pg';
import { classify, inTransaction } from '#runtime/postgres/pool.ts';
import { type Merging, usualMerging } from './ingest/count-clicks.postgres.ts';
import { endStalledCopies } from './ingest/stalled-copies.postgres.ts';
import { type StoreOptions, storeDelivery } from './ingest/store-delivery.postgres.ts';
import { takersLock } from './retention/erase.postgres.ts';
import { postgresSaltStore } from './retention/salts.postgres.ts';
import {
  type ClickStore,
  type Delivery,
  NotTogether,
  RowsRefused,
  type SaltStore,
  type Stored,
  TookTooLong,
} from './store.ts';

/** The writes; on the primary. */
export function postgresStore(pool: Pool, merging: Merging = usualMerging): ClickStore & SaltStore {
  return {
    async position(topic, partition) {
      const { rows } = await pool.query<{ next_offset: string }>(
        'select next_offset from consumer_offsets where topic = $1 and partition = $2',
        [topic, partition],
      );
      return rows[0] && BigInt(rows[0].next_offset);
    },

    async positions(topic) {
      const { rows } = await pool.query<{ partition: number; next_offset: string }>(
        'select partition, next_offset from consumer_offsets where topic = $1',
        [topic],
      );
      return new Map(rows.map(({ partition, next_offset }) => [partition, BigInt(next_offset)]));
    },

    async lastDigest(topic, partition) {
      const { rows } = await pool.query<{ digest: Buffer | null }>(
        'select digest from consumer_offsets where topic = $1 and partition = $2 and digest_offset = next_offset',
        [topic, partition],
      );
      return rows[0]?.digest ?? undefined;
    },

    async take(delivery) {
      for (let tries = 1; ; tries++) {
        try {
          return await takeOnce(pool, delivery, { look: tries > 1, merging: atMost(delivery.mergedLinks, merging) });
        } catch (error) {
          if (othersWereThere(error) && tries < mostTries) continue;
          // Whoever calls tries again, and does not wait for them then.
          if (tookTooLong(error)) await endStalledCopies(pool).catch(() => {});
          throw isAboutRows(error) ? new RowsRefused('the rows cannot be stored', { cause: error }) : error;
        }
      }
    },

    async takeTogether(deliveries) {
      return takeTogetherOnce(pool, deliveries, { look: false, merging }).catch((error: unknown) => {
        throw isAboutStore(error) ? error : new NotTogether('they cannot be stored together', { cause: error });
      });
    },

    ...postgresSaltStore(pool),
  };
}

const atMost = (links: number | undefined, merging: Merging): Merging =>
  links === undefined ? merging : { ...merging, links: Math.min(links, merging.links) };

/** The second checks what exists; more are needed only when others store the same clicks, or create their days, meanwhile. */
const mostTries = 5;

function takeOnce(pool: Pool, delivery: Delivery, options: StoreOptions): Promise<Stored | 'overtaken'> {
  return inTransaction(pool, async (client) => {
    // First: the row's lock excludes everybody else from this partition until the end of the transaction.
    const { rowCount } = await client.query(moveOffset(delivery));
    if (rowCount !== 1) return 'overtaken';
    // Not for a lock timeout: whoever only waited for the lock has no less to store next time.
    return storeDelivery(client, delivery, options).catch((error: unknown) => {
      throw isSqlState(error, /^57014$/) ? new TookTooLong('the statement was canceled', { cause: error }) : error;
    });
  });
}

/** What is recorded by partition, in workspaces' hours and for watchers, is recorded under the first one's: its lock is held. */
function takeTogetherOnce(pool: Pool, deliveries: readonly Delivery[], options: StoreOptions): Promise<Stored> {
  return inTransaction(pool, async (client) => {
    const { rowCount } = await client.query(moveOffsets, [
      deliveries.map(({ topic }) => topic),
      deliveries.map(({ partition }) => partition),
      deliveries.map(({ expected }) => expected),
      deliveries.map(({ next }) => next),
      deliveries.map(({ digest }) => digest && Buffer.from(digest)),
    ]);
    if (rowCount !== deliveries.length) throw new Error('one is overtaken, or somebody else holds its partition');
    const [first] = deliveries as [Delivery];
    return storeDelivery(client, { ...first, batches: deliveries.flatMap(({ batches }) => batches) }, options);
  });
}

/**
 * As moveOffset, for all. Locked rows are skipped: nobody waits for one while holding others, so there is no deadlock, and the partition of
 * a stalled process holds up no other.
 */
const moveOffsets = `
with free as (
  select o.topic, o.partition, i.next, i.digest
  from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::bytea[]) as i (topic, partition, expected, next, digest)
  join consumer_offsets o on o.topic = i.topic and o.partition = i.partition and o.next_offset = i.expected
  for update of o skip locked
)
update consumer_offsets o set next_offset = f.next, digest = f.digest, digest_offset = f.next, moved_at = now()
from free f where o.topic = f.topic and o.partition = f.partition
returning pg_advisory_xact_lock_shared(${takersLock})`;

/** Also takes the lock of the storing transactions: what is erased from then on is seen by the next statement. */
function moveOffset(delivery: Delivery): { text: string; values: unknown[] } {
  const { topic, partition, expected, next, digest } = delivery;
  const values = [topic, partition, next, digest ?? null];
  const returning = `returning pg_advisory_xact_lock_shared(${takersLock})`;
  if (expected === undefined) {
    const text = `insert into consumer_offsets (topic, partition, next_offset, digest, digest_offset) values ($1, $2, $3, $4, $3)
      on conflict (topic, partition) do nothing ${returning}`;
    return { text, values };
  }
  const text = `update consumer_offsets set next_offset = $3, digest = $4, digest_offset = $3, moved_at = now()
    where topic = $1 and partition = $2 and next_offset = $5 ${returning}`;
  return { text, values: [...values, expected] };
}

/**
 * Two transactions collided, and the next try will see what the other one wrote. Either a key already exists, or a day got its partition
 * while its rows were being written to the default one (which fails as a check without a name).
 */
function othersWereThere(error: unknown): boolean {
  const { kind, constraint } = classify(error);
  return kind === 'unique' || (kind === 'check' && constraint === undefined && isSqlState(error, /^23514$/));
}

/** To wait for the offset, or to store the clicks. */
function tookTooLong(error: unknown): boolean {
  return error instanceof TookTooLong || classify(error).kind === 'timeout';
}

/** SQLSTATE classes 22 (the data) and 23 (a constraint): a retry fails in the same way, unless another transaction was the cause. */
function isAboutRows(error: unknown): boolean {
  return !othersWereThere(error) && isSqlState(error, /^2[23]/);
}

/** The store does not answer, whatever the request. */
function isAboutStore(error: unknown): boolean {
  return ['unavailable', 'busy'].includes(classify(error).kind);
}

function isSqlState(error: unknown, codes: RegExp): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.test(error.code);
}
