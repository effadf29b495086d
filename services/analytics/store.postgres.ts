import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { inTransaction } from '#runtime/postgres/pool.ts';
import { type SoundBatch, textColumns } from './click-batch.ts';
import { takersLock } from './erase.postgres.ts';
import { insertClicks } from './insert-clicks.postgres.ts';
import { type ClickStore, type Delivery, RowsRefused, type SaltStore, type Stored } from './store.ts';

/** What is written; on the primary. */
export function postgresStore(pool: Pool): ClickStore & SaltStore {
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

    take: (delivery) =>
      inTransaction(pool, async (client) => {
        // First: the row's lock keeps everybody else off this partition until the end of the transaction.
        const { rowCount } = await client.query(moveOffset(delivery));
        if (rowCount !== 1) return 'overtaken';
        const clicks = delivery.batches.reduce((sum, { atUs }) => sum + atUs.length, 0);
        if (clicks === 0) return { stored: 0, duplicates: 0, expired: 0, future: 0, erased: 0 };
        const source = `${delivery.topic}/${delivery.partition}`;
        const values = [
          delivery.notBeforeUs,
          ...columnsOf(delivery.batches),
          source,
          delivery.notAfterUs ?? endOfTimeUs,
          delivery.partition,
        ];
        const { rows } = await client.query<Stored>({ name: 'insert-clicks', text: insertClicks, values });
        const { stored = 0, expired = 0, future = 0, erased = 0 } = rows[0] ?? {};
        return { stored, expired, future, erased, duplicates: clicks - stored - expired - future - erased };
      }).catch((error: unknown) => {
        throw isAboutRows(error) ? new RowsRefused('the rows cannot be stored', { cause: error }) : error;
      }),

    async salts(days) {
      for (const day of days) {
        const text = 'insert into visitor_salts (day, salt) values ($1, $2) on conflict (day) do nothing';
        await pool.query(text, [day, randomBytes(32)]);
      }
      const { rows } = await pool.query<{ day: string; salt: Buffer }>(
        'select day::text, salt from visitor_salts order by day',
      );
      return rows;
    },

    async destroySaltsBefore(day) {
      const { rowCount } = await pool.query('delete from visitor_salts where day < $1', [day]);
      return rowCount ?? 0;
    },
  };
}

const endOfTimeUs = Date.UTC(2200, 0) * 1_000;

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

/** SQLSTATE classes 22 (the data) and 23 (a constraint): no other try will end otherwise. */
function isAboutRows(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && /^2[23]/.test(error.code);
}

/** The columns of insertClicks as array literals: joined here at a third of what the driver takes to do it. */
function columnsOf(batches: readonly SoundBatch[]): string[] {
  const numbers = (pick: (batch: SoundBatch) => readonly (number | bigint)[]): string =>
    literal(batches.map((batch) => pick(batch).join(',')));
  const dictionaries = batches.map(({ dictionary }) => dictionary.map(element));
  const texts = (name: (typeof textColumns)[number]): string =>
    literal(batches.map((batch, index) => batch[name].map((entry) => dictionaries[index]?.[entry]).join(',')));
  return [
    numbers(({ atUs }) => atUs),
    literal(batches.map(({ requestIds }) => identifiers(requestIds))),
    numbers(({ linkVersion }) => linkVersion),
    numbers(({ visitor }) => visitor.map((hash) => BigInt.asIntN(64, hash))),
    numbers(({ tier }) => tier),
    numbers(({ status }) => status),
    numbers(({ flags }) => flags),
    literal(batches.map(({ edgeId, atUs }) => Array<string>(atUs.length).fill(element(edgeId)).join(','))),
    ...textColumns.map(texts),
  ];
}

function literal(parts: readonly string[]): string {
  return `{${parts.filter((part) => part !== '').join(',')}}`;
}

function element(text: string): string {
  return /^[0-9A-Za-z._-]+$/.test(text) && text.toUpperCase() !== 'NULL'
    ? text
    : `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

function identifiers(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
  const all: string[] = [];
  for (let start = 0; start < hex.length; start += 32) all.push(hex.slice(start, start + 32));
  return all.join(',');
}
