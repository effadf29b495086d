// Postgres: the primary's data folder, the streaming replica's, and the roles.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { checkout } from '../layout.ts';
import type { Passwords } from '../secrets.ts';
import { commandOf } from '../supervisor/processes.ts';
import { copyDataFolder } from './copy.ts';
import { makeOwned, type PostgresHome } from './home.ts';
import { isStandby, primaryDir, replicaDir } from './roles.ts';
import { REPLICATION_SLOT, writeOwned, writeSettings } from './settings.ts';

const CONNECT_TIMEOUT_MS = 3_000;
const STATEMENT_TIMEOUT_MS = 60_000;
const INITDB_TIMEOUT_MS = 60_000;

export interface PostgresContext {
  readonly home: PostgresHome;
  readonly port: number;
  readonly replicaPort: number;
  readonly passwords: Passwords;
  /** A commit is confirmed only when the replica has it on disk too. */
  readonly synchronous: boolean;
}

/** A URL for one role: `postgres://hop_link:…@127.0.0.1:7432/hopline`. */
export function postgresUrl(role: keyof Passwords, passwords: Passwords, port: number, database = 'hopline'): string {
  return `postgres://${role}:${passwords[role]}@127.0.0.1:${port}/${database}`;
}

/** Creates the primary's data folder if there is none, and writes its settings. */
export async function preparePrimary({ home, port, passwords, synchronous }: PostgresContext): Promise<void> {
  const dir = primaryDir(home);
  if (!existsSync(path.join(dir, 'PG_VERSION'))) await initialise(home, dir, passwords.postgres);
  forgetDeadPostmaster(dir);
  writeSettings(dir, { port, synchronous, user: home.user });
}

/** Created under another name and then renamed, so that an interrupted start leaves nothing that looks ready. */
async function initialise(home: PostgresHome, dir: string, password: string): Promise<void> {
  const fresh = `${dir}.new`;
  const passwordFile = `${dir}.password`;
  rmSync(fresh, { recursive: true, force: true });
  rmSync(dir, { recursive: true, force: true });
  makeOwned(fresh, home.user);
  writeOwned(passwordFile, `${password}\n`, home.user);
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const access = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  try {
    await runAs(home, 'initdb', ['-D', fresh, ...locale, ...access, '--no-instructions']);
  } finally {
    rmSync(passwordFile, { force: true });
  }
  renameSync(fresh, dir);
}

function runAs(home: PostgresHome, program: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(path.join(home.bin, program), args, {
      ...home.user,
      cwd: '/',
      env: { PATH: process.env.PATH, TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: INITDB_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`${program} failed: ${output.trim()}`))));
  });
}

/** After a kill -9 the pid in postmaster.pid may belong to another program by now; Postgres would then refuse to start. */
function forgetDeadPostmaster(dir: string): void {
  const file = path.join(dir, 'postmaster.pid');
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  if (!commandOf(pid).includes(dir)) rmSync(file, { force: true });
}

/** Runs `work` with a superuser's connection to one server; every statement has a timeout. */
export async function asSuperuser<T>(
  passwords: Passwords,
  port: number,
  work: (client: pg.Client) => Promise<T>,
  database = 'postgres',
): Promise<T> {
  const client = new pg.Client({
    connectionString: postgresUrl('postgres', passwords, port, database),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    application_name: 'compose-local',
    // The setup must not wait for a replica that is set up after it.
    options: '-c synchronous_commit=local',
  });
  client.on('error', () => {}); // A connection lost later shows in the statement that needed it.
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

/** Creates the database, then runs compose/postgres/bootstrap.sql in it; safe to repeat. */
export async function bootstrapRoles({ passwords, port }: PostgresContext): Promise<void> {
  await asSuperuser(passwords, port, async (client) => {
    const { rowCount } = await client.query("select from pg_database where datname = 'hopline'");
    if (rowCount === 0) await client.query('create database hopline');
  });
  const sql = fillIn(readFileSync(path.join(checkout, 'compose/postgres/bootstrap.sql'), 'utf8'), passwords);
  await asSuperuser(passwords, port, (client) => client.query(sql), 'hopline');
}

/** Replaces psql's `:'name'` by a quoted literal. Throws when the file names a variable that is not there. */
export function fillIn(sql: string, values: Readonly<Record<string, string>>): string {
  return sql.replace(/:'(\w+)'/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`bootstrap.sql wants the variable ${name}, which is not known.`);
    return pg.escapeLiteral(value);
  });
}

/** Writes the replica's settings, and first creates its data folder from the running primary if it cannot continue with the existing one. */
export async function prepareReplica({ home, port, replicaPort, passwords }: PostgresContext): Promise<void> {
  const dir = replicaDir(home);
  // A former primary's folder has a history of its own and cannot follow another.
  const usable = isStandby(dir) && (await slotUsable(passwords, port));
  if (!usable) await asSuperuser(passwords, port, (client) => copyPrimary(client, home));
  forgetDeadPostmaster(dir);
  const replicaOf = { port, password: passwords.hop_replication };
  writeSettings(dir, { port: replicaPort, synchronous: false, replicaOf, user: home.user });
}

/** False when the primary no longer has the WAL that the replica needs. While the primary is away, the replica serves what it has. */
async function slotUsable(passwords: Passwords, port: number): Promise<boolean> {
  const query = 'select wal_status from pg_replication_slots where slot_name = $1';
  try {
    const { rows } = await asSuperuser(passwords, port, (client) => client.query(query, [REPLICATION_SLOT]));
    return rows.length === 1 && rows[0].wal_status !== 'lost';
  } catch {
    return true;
  }
}

/** A base backup with Postgres's own backup functions: pg_basebackup is not in the package. */
async function copyPrimary(client: pg.Client, home: PostgresHome): Promise<void> {
  const fresh = `${replicaDir(home)}.new`;
  rmSync(fresh, { recursive: true, force: true });
  const name = [REPLICATION_SLOT];
  await client.query('select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1', name);
  await client.query('select pg_create_physical_replication_slot($1, true)', name);
  await client.query("select pg_backup_start('replica', true)");
  await copyDataFolder(primaryDir(home), fresh, home.user);
  const { rows } = await client.query('select labelfile from pg_backup_stop(false)');
  writeOwned(path.join(fresh, 'backup_label'), rows[0].labelfile, home.user);
  writeOwned(path.join(fresh, 'standby.signal'), '', home.user);
  putAside(replicaDir(home), path.join(home.data, 'postgres-fenced'));
  renameSync(fresh, replicaDir(home));
}

/** The data of a replaced primary may contain what was lost with it: the last such folder is kept. */
function putAside(dir: string, fenced: string): void {
  if (existsSync(path.join(dir, 'PG_VERSION')) && !isStandby(dir)) {
    rmSync(fenced, { recursive: true, force: true });
    renameSync(dir, fenced);
  }
  rmSync(dir, { recursive: true, force: true });
}
