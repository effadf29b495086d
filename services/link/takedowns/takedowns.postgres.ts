import type { Pool, PoolClient } from 'pg';
import { ChangeKind, type LinkRecord } from '#gen/link/v1/change_pb.ts';
import { inTransaction } from '#runtime/postgres/pool.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import { recordOfRow, timestampOf } from '#runtime/shortlink/link-record.ts';
import { type LockedRow, lockRows } from '../links/locked-rows.postgres.ts';
import { linksUnder } from './candidates.postgres.ts';
import { type SettledLink, writeSettled } from './settled-links.postgres.ts';
import { standingAmong } from './standing.postgres.ts';
import { type Subject, subjectsOf } from './subjects.ts';

/** Whether a subject is to be taken down, and why. */
export interface Ruling {
  readonly subject: Subject;
  readonly stands: boolean;
  readonly reason: string;
  /** Writes nothing, but counts what would be written. */
  readonly dryRun: boolean;
}

/** Links that a ruling changed, or would. */
export type Touched = readonly Pick<LinkRecord, 'id' | 'domain' | 'code'>[];

/** The takedowns of the link tables. One connection is enough. */
export interface Takedowns {
  /** The id of the link there. */
  linkAt(key: LinkKey): Promise<string | undefined>;
  /** Records a ruling on one link and applies it at once. Rejects when the link no longer exists. */
  ruleOnLink(ruling: Ruling, key: LinkKey): Promise<Touched>;
  /** Records the ruling: creates and edits that begin after the returned time are checked against it. */
  ruleOn(ruling: Ruling): Promise<string>;
  /** Whether a transaction from before then is still in progress, and so may write links that were not checked. */
  hasEarlierWriters(then: string): Promise<boolean>;
  /** The links that a subject covers, including deleted ones, in pages that may be empty. */
  linksUnder(subject: Subject): AsyncIterable<readonly LinkKey[]>;
  /** Applies what stands now to these links. Links that have moved, or already comply, are left unchanged. */
  settle(ruling: Ruling, keys: readonly LinkKey[]): Promise<Touched>;
}

export function postgresTakedowns(pool: Pool): Takedowns {
  return {
    async linkAt({ domain, code }) {
      const text = 'select id from links where domain = $1 and code = $2';
      return (await pool.query<{ id: string }>(text, [domain, code])).rows[0]?.id;
    },
    ruleOnLink: (ruling, key) =>
      inTransaction(pool, async (client) => {
        const { rowCount } = await client.query(
          `select from links where domain = $1 and code = $2 and 'link:' || id = $3 for update`,
          [key.domain, key.code, ruling.subject],
        );
        if (rowCount === 0) throw new Error('The link was renamed or purged in this moment.');
        await write(client, ruling);
        return settle(client, ruling, [key]);
      }),
    async ruleOn(ruling) {
      await inTransaction(pool, (client) => write(client, ruling));
      // As text: a Date has no microseconds.
      const { rows } = await pool.query<{ now: string }>('select clock_timestamp()::text as now');
      return rows[0]?.now ?? '';
    },
    async hasEarlierWriters(then) {
      const { rowCount } = await pool.query(
        `select from pg_stat_activity where datname = current_database() and usename = current_user
         and pid <> pg_backend_pid() and xact_start <= $1::timestamptz limit 1`,
        [then],
      );
      return rowCount === 1;
    },
    linksUnder: (subject) => linksUnder(pool, subject),
    settle: (ruling, keys) => inTransaction(pool, (client) => settle(client, ruling, keys)),
  };
}

async function write(client: PoolClient, { subject, stands, reason, dryRun }: Ruling): Promise<void> {
  if (dryRun) return;
  if (!stands) await client.query('delete from takedowns where subject = $1', [subject]);
  else {
    await client.query(
      `insert into takedowns (subject, reason) values ($1, $2)
       on conflict (subject) do update set reason = excluded.reason where excluded.reason <> ''`,
      [subject, reason],
    );
  }
}

async function settle(client: PoolClient, ruling: Ruling, keys: readonly LinkKey[]): Promise<Touched> {
  const rows = await lockRows(client, '(domain, code) in (select * from unnest($1::text[], $2::text[]))', [
    keys.map(({ domain }) => domain),
    keys.map(({ code }) => code),
  ]);
  const subjects = rows.map((row) => subjectsOf(recordOfRow(row)));
  const standing = await standingAmong(client, [...new Set(subjects.flat())]);
  if (ruling.dryRun && ruling.stands) standing.add(ruling.subject);
  if (ruling.dryRun && !ruling.stands) standing.delete(ruling.subject);
  const due = rows.filter(
    (row, at) => (row.owner_disabled !== null) !== subjects[at]?.some((one) => standing.has(one)),
  );
  const links = due.map(switched);
  if (!ruling.dryRun && links.length > 0) await writeSettled(client, ChangeKind.UPDATED, links);
  return links.map(({ record }) => record);
}

/** Takes the link down if it is up; otherwise restores its owner's setting. */
function switched({ owner_disabled, next_version, now, ...row }: LockedRow): SettledLink {
  const record = recordOfRow({ ...row, version: next_version, disabled: owner_disabled ?? true });
  return {
    record: { ...record, updatedAt: timestampOf(now) },
    ownerDisabled: owner_disabled === null ? row.disabled : null,
  };
}
