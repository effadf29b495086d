import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { inTransaction } from '#runtime/postgres/pool.ts';
import type { SaltStore } from '../store.ts';

/**
 * Whatever the clock of a process shows, the salts of yesterday and today are in use: with another one in place of a destroyed one, whoever
 * comes back would be counted twice.
 */
const limitOf = `select least($1::date, (now() at time zone 'UTC')::date - 1)::text as limit`;

interface Salt {
  readonly day: string;
  readonly salt: Buffer;
}

/** The salts that visitors are hashed with, one a day: created, restored after a crash, and destroyed; on the primary. */
export function postgresSaltStore(pool: Pool): SaltStore {
  /** The table is empty after a crash of Postgres: salts seen before are restored, so that visitors keep their identity. */
  const knownSalts = new Map<string, Buffer>();
  const keptSalts = async (): Promise<Salt[]> =>
    (await pool.query<Salt>('select day::text, salt from visitor_salts order by day')).rows;
  const remember = (salts: Salt[]): Salt[] => {
    for (const { day, salt } of salts) knownSalts.set(day, salt);
    return salts;
  };
  return {
    async salts(days) {
      const kept = await keptSalts();
      const isKept = (of: string): boolean => kept.some(({ day }) => day === of);
      if ([...knownSalts.keys(), ...days].every(isKept)) return remember(kept);
      await inTransaction(pool, async (client) => {
        // The shared lock excludes destruction: a salt that is restored is destroyed afterwards, or not restored at all.
        const { rows } = await client.query<{ before: string }>('select before::text from salt_destruction for share');
        for (const day of knownSalts.keys()) if (day < (rows[0]?.before ?? '')) knownSalts.delete(day);
        for (const day of [...new Set([...knownSalts.keys(), ...days])].sort()) {
          const text = 'insert into visitor_salts (day, salt) values ($1, $2) on conflict (day) do nothing';
          await client.query(text, [day, knownSalts.get(day) ?? randomBytes(32)]);
        }
      });
      return remember(await keptSalts());
    },

    async destroySaltsBefore(day) {
      for (const known of knownSalts.keys()) if (known < day) knownSalts.delete(known);
      return inTransaction(pool, async (client) => {
        const { rows } = await client.query<{ limit: string }>(limitOf, [day]);
        const limit = [rows[0]?.limit];
        await client.query('update salt_destruction set before = $1 where before < $1', limit);
        const { rowCount } = await client.query('delete from visitor_salts where day < $1', limit);
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
        // A call that needs a salt waits behind this one for the table.
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
