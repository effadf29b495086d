import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '#runtime/postgres/pool.ts';
import { nowMs } from '../clock.postgres.ts';
import { requireClock } from '../clock.ts';
import type { PartitionStore } from '../store.ts';
import { recordDropped } from './kept-from.postgres.ts';

const tables = [
  { table: 'clicks', column: 'at', options: '' },
  { table: 'visitors', column: 'day', options: '' },
  { table: 'click_minutes', column: 'at', options: 'with (fillfactor = 80)' },
] as const;
type Table = (typeof tables)[number];

/** Everybody who stores or reads clicks queues up behind a lock that is waited for, so the wait is short, and retried later. */
const bounded = "set local lock_timeout = '1s'";
const dayPattern = /^\d{4}-\d{2}-\d{2}$/;
const mostCounted = 100_000;

export function postgresPartitionStore(pool: Pool): PartitionStore {
  return {
    async makeDay(day) {
      if (!dayPattern.test(day)) throw new Error(`${day} is no day.`);
      let outcome: 'made' | 'there' | 'moved' = 'there';
      for (const table of tables) {
        const made = await inTransaction(pool, (client) => makePartition(client, table, day));
        if (made === 'moved' || (made === 'made' && outcome === 'there')) outcome = made;
      }
      return outcome;
    },

    async strays() {
      const days = new Set<string>();
      let rows = 0;
      for (const { table, column } of tables) {
        const found = await pool.query<{ day: string; rows: number }>(
          `select ${dayOfRow(column)}::text as day, count(*)::int as rows
           from (select ${column} from ${table}_default limit ${mostCounted}) s group by 1`,
        );
        for (const row of found.rows) {
          days.add(row.day);
          rows += row.rows;
        }
      }
      return { days: [...days].sort(), rows };
    },

    async dropBefore({ clicks, minutes }, now) {
      const { rows: clock } = await pool.query<{ now_ms: number }>(`select ${nowMs}`);
      requireClock(now, clock[0]?.now_ms ?? 0);
      await pool.query(recordDropped, [clicks, minutes]);
      let dropped = 0;
      for (const { table } of tables) {
        const limit = `${table}_${compact(table === 'click_minutes' ? minutes : clicks)}`;
        const { rows } = await pool.query<{ name: string }>(
          `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
           where i.inhparent = $1::regclass and c.relname ~ $2 and c.relname < $3 order by 1`,
          [table, `^${table}_[0-9]{8}$`, limit],
        );
        for (const { name } of rows) {
          await inTransaction(pool, async (client) => {
            await client.query(bounded);
            await client.query(`drop table if exists ${name}`);
          });
          dropped++;
        }
      }
      return dropped;
    },
  };
}

function compact(day: string): string {
  if (!dayPattern.test(day)) throw new Error(`${day} is no day.`);
  return day.replaceAll('-', '');
}

function dayOfRow(column: Table['column']): string {
  return column === 'day' ? 'day' : "(at at time zone 'UTC')::date";
}

/**
 * Creates the partition separately and then attaches it, so that nobody waits during the creation. One process at a time does so; another
 * finds it there. Rows of that day that arrived earlier are moved to it from the default partition.
 */
async function makePartition(
  client: PoolClient,
  { table, column, options }: Table,
  day: string,
): Promise<'made' | 'there' | 'moved'> {
  const name = `${table}_${compact(day)}`;
  await client.query(bounded);
  await client.query("select pg_advisory_xact_lock(hashtextextended('hopline partitions', 0))");
  const { rows } = await client.query<{ there: boolean }>('select to_regclass($1) is not null as there', [name]);
  if (rows[0]?.there) return 'there';
  const next = new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10);
  const bound = (date: string): string => (column === 'day' ? `'${date}'` : `'${date} 00:00:00+00'`);
  await client.query(`create table ${name} (like ${table} including defaults including constraints) ${options}`);
  // From here on nobody writes there: what is moved is complete.
  await client.query(`lock table ${table}_default in access exclusive mode`);
  const moved = await client.query(
    `with moved as (delete from ${table}_default where ${column} >= ${bound(day)} and ${column} < ${bound(next)} returning *)
     insert into ${name} select * from moved`,
  );
  await client.query(
    `alter table ${table} attach partition ${name} for values from (${bound(day)}) to (${bound(next)})`,
  );
  return moved.rowCount ? 'moved' : 'made';
}
