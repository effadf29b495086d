import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { classify, inTransaction } from '#runtime/postgres/pool.ts';
import { type Merging, usualMerging } from './ingest/count-clicks.postgres.ts';
import { type StoreOptions, storeDelivery } from './ingest/store-delivery.postgres.ts';
import { takersLock } from './retention/erase.postgres.ts';
import { type ClickStore, type Delivery, RowsRefused, type SaltStore, type Stored, TookTooLong } from './store.ts';

/** What is written; on the primary. */
export function postgresStore(pool: Pool, merging: Merging = usualMerging): ClickStore & SaltStore {
  /** The table is empty after a crash of Postgres: what was seen of it is put back, so that visitors stay who they are. */
  const knownSalts = new Map<string, Buffer>();
  return {
    async position(topic, partition) {
      const { rows } = await pool.query<{ next_offset: string }>(
        'select next_offset from consumer_offsets where topic = $1 and partition = $2',
        [topic, partition],
      );
      return rows[0] && BigInt(rows[0].next_offset);
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
          throw isAboutRows(error) ? new RowsRefused('the rows cannot be stored', { cause: error }) : error;
        }
      }
    },

    async salts(days) {
      await inTransaction(pool, async (client) => {
        // Shared with nobody who destroys: a salt that is put back is destroyed after it, or not put back.
        const { rows } = await client.query<{ before: string }>('select before::text from salt_destruction for share');
        for (const day of knownSalts.keys()) if (day < (rows[0]?.before ?? '')) knownSalts.delete(day);
        for (const day of [...new Set([...knownSalts.keys(), ...days])].sort()) {
          const text = 'insert into visitor_salts (day, salt) values ($1, $2) on conflict (day) do nothing';
          await client.query(text, [day, knownSalts.get(day) ?? randomBytes(32)]);
        }
      });
      const { rows } = await pool.query<{ day: string; salt: Buffer }>(
        'select day::text, salt from visitor_salts order by day',
      );
      for (const { day, salt } of rows) knownSalts.set(day, salt);
      return rows;
    },

    async destroySaltsBefore(day) {
      for (const known of knownSalts.keys()) if (known < day) knownSalts.delete(known);
      return inTransaction(pool, async (client) => {
        await client.query('update salt_destruction set before = $1 where before < $1', [day]);
        const { rowCount } = await client.query('delete from visitor_salts where day < $1', [day]);
        if (rowCount) await client.query('update salt_destruction set deletions = deletions + 1');
        return rowCount ?? 0;
      });
    },

    async rewriteSalts() {
      const { rows } = await pool.query<{ deletions: string }>(
        'select deletions from salt_destruction where deletions > rewritten',
      );
      if (!rows[0]) return;
      const client = await pool.connect();
      try {
        // A call that wants a salt waits behind this one for the table.
        await client.query("set lock_timeout = '1s'");
        await client.query('vacuum full visitor_salts');
        await client.query('update salt_destruction set rewritten = greatest(rewritten, $1)', [rows[0].deletions]);
      } finally {
        await client.query('reset lock_timeout').catch(() => {});
        client.release();
      }
    },
  };
}

const atMost = (links: number | undefined, merging: Merging): Merging =>
  links === undefined ? merging : { ...merging, links: Math.min(links, merging.links) };

/** The second looks what is there; more are needed only when others store the same clicks, or make their days, meanwhile. */
const mostTries = 5;

function takeOnce(pool: Pool, delivery: Delivery, options: StoreOptions): Promise<Stored | 'overtaken'> {
  return inTransaction(pool, async (client) => {
    // First: the row's lock keeps everybody else off this partition until the end of the transaction.
    const { rowCount } = await client.query(moveOffset(delivery));
    if (rowCount !== 1) return 'overtaken';
    // Not of the lock: who waited for that alone has no less to store next time.
    return storeDelivery(client, delivery, options).catch((error: unknown) => {
      throw isSqlState(error, /^57014$/) ? new TookTooLong('the statement was canceled', { cause: error }) : error;
    });
  });
}

/** With the offset comes the lock of those who store clicks: what is erased from then on is seen by the next statement. */
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
 * Two transactions met, and the next try sees what the other one wrote. Either a key is there already, or a day got its
 * partition while its rows were on their way into the default one (which is refused as a check without a name).
 */
function othersWereThere(error: unknown): boolean {
  const { kind, constraint } = classify(error);
  return kind === 'unique' || (kind === 'check' && constraint === undefined && isSqlState(error, /^23514$/));
}

/** SQLSTATE classes 22 (the data) and 23 (a constraint): no other try will end otherwise, unless others were there. */
function isAboutRows(error: unknown): boolean {
  return !othersWereThere(error) && isSqlState(error, /^2[23]/);
}

function isSqlState(error: unknown, codes: RegExp): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.test(error.code);
}
