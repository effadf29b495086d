import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { createLog, type Log } from '../telemetry/log.ts';

interface MigrateOptions {
  readonly url: string;
  /** Holds NNNN_name.sql files, applied in numerical order, each in one transaction. */
  readonly dir: string;
  /** Must exist, and the role of the URL must be allowed to create in it. */
  readonly schema: string;
  readonly log: Log;
  /** How long to wait for another migration of the same schema, and again for the table locks of each file (default 60,000). */
  readonly lockTimeoutMs?: number;
  /** How long a statement waits for a table at a time, while everyone who wants the table later queues up behind (default 1,000). */
  readonly tableLockMs?: number;
}

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

interface Applied {
  readonly version: number;
  readonly checksum: string;
}

const fileName = /^(\d{4})_([a-z0-9_]+)\.sql$/;
/** SQLSTATE of a lock timeout. */
const lockNotAvailable = '55P03';
const schemaName = /^[a-z][a-z0-9_]{0,62}$/;

/** Applies missing migrations, forward only; refuses when an applied file was changed, or a new one has a lower number. Returns the new ones. */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  const { url, dir, schema, log, lockTimeoutMs = 60_000, tableLockMs = 1_000 } = options;
  if (!schemaName.test(schema)) throw new Error(`${schema} is no name for a schema.`);
  const migrations = await readMigrations(dir);
  const client = new pg.Client({
    connectionString: url,
    application_name: 'hopline-migrate',
    connectionTimeoutMillis: 5_000,
  });
  await client.connect();
  try {
    await client.query(`set search_path to ${schema}`);
    await lock(client, schema, lockTimeoutMs);
    await client.query(
      'create table if not exists schema_migrations (version int primary key, name text not null, checksum text not null, applied_at timestamptz not null default now())',
    );
    const { rows } = await client.query<Applied>('select version, checksum from schema_migrations order by version');
    const missing = pending(migrations, rows);
    for (const migration of missing) {
      await applyInTime(client, migration, { lockTimeoutMs, tableLockMs, log });
      log.info({ schema, migration: migration.name }, 'migrated');
    }
    return missing.map(({ name }) => name);
  } finally {
    await client.end();
  }
}

async function readMigrations(dir: string): Promise<Migration[]> {
  const migrations: Migration[] = [];
  for (const name of (await readdir(dir)).sort()) {
    if (!name.endsWith('.sql')) continue;
    const match = fileName.exec(name);
    if (!match) throw new Error(`${join(dir, name)} is not named NNNN_name.sql.`);
    const sql = await readFile(join(dir, name), 'utf8');
    const version = Number(match[1]);
    if (migrations.some((other) => other.version === version))
      throw new Error(`${dir} has the number ${match[1]} twice.`);
    migrations.push({ version, name, sql, checksum: createHash('sha256').update(sql).digest('hex') });
  }
  return migrations;
}

/** Two processes that start together must not migrate at the same time; the lock ends with the connection. */
async function lock(client: pg.Client, schema: string, timeoutMs: number): Promise<void> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const { rows } = await client.query<{ held: boolean }>(
      "select pg_try_advisory_lock(hashtextextended('hopline migrations of ' || $1, 0)) as held",
      [schema],
    );
    if (rows[0]?.held) return;
    if (Date.now() >= end) throw new Error(`Another process is migrating ${schema}.`);
    await sleep(100);
  }
}

function pending(migrations: readonly Migration[], applied: readonly Applied[]): Migration[] {
  const newest = applied.at(-1)?.version ?? 0;
  const checksums = new Map(applied.map(({ version, checksum }) => [version, checksum]));
  return migrations.filter((migration) => {
    const checksum = checksums.get(migration.version);
    if (checksum === undefined) {
      if (migration.version < newest)
        throw new Error(`${migration.name} comes after ${newest} was applied; give it a higher number.`);
      return true;
    }
    if (checksum !== migration.checksum) throw new Error(`${migration.name} was changed after it was applied.`);
    return false;
  });
}

type Patience = Required<Pick<MigrateOptions, 'lockTimeoutMs' | 'tableLockMs' | 'log'>>;

/** Retries while somebody holds a table: in the pauses those queued behind can proceed. */
async function applyInTime(client: pg.Client, migration: Migration, patience: Patience): Promise<void> {
  const { lockTimeoutMs, tableLockMs, log } = patience;
  const end = Date.now() + lockTimeoutMs;
  for (;;) {
    try {
      return await apply(client, migration, tableLockMs);
    } catch (error) {
      const isHeld = error instanceof pg.DatabaseError && error.code === lockNotAvailable;
      if (!isHeld || Date.now() >= end) throw new Error(`${migration.name} failed.`, { cause: error });
      log.warn({ migration: migration.name }, 'somebody holds a table; the migration will be tried again');
      await sleep(tableLockMs);
    }
  }
}

async function apply(client: pg.Client, migration: Migration, tableLockMs: number): Promise<void> {
  const { version, name, sql, checksum } = migration;
  await client.query('begin');
  try {
    await client.query(`set local lock_timeout = ${tableLockMs}`);
    await client.query(sql);
    await client.query('insert into schema_migrations (version, name, checksum) values ($1, $2, $3)', [
      version,
      name,
      checksum,
    ]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { dir: { type: 'string' }, url: { type: 'string' }, schema: { type: 'string' } },
  });
  const log = createLog({ instance: 'migrate', logLevel: 'info' });
  const { dir, url = process.env.HOP_POSTGRES_PRIMARY, schema } = values;
  if (!dir || !url || !schema) {
    log.fatal('usage: migrate.ts --dir DIR --schema SCHEMA [--url URL, else HOP_POSTGRES_PRIMARY]');
    process.exitCode = 64;
  } else {
    await migrate({ dir, url, schema, log }).catch((error: unknown) => {
      log.fatal({ err: error }, 'the migration failed');
      process.exitCode = 1;
    });
  }
}
