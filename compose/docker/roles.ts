// Creates the database, its roles and its schemas on an external Postgres; safe to repeat.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { type ConfigOf, defineConfig, file, int, secretUrl } from '#runtime/config/config.ts';
import { mainConfig } from '#runtime/rpc/serve.ts';
import { checkout } from '../local/layout.ts';
import { fillIn } from '../local/postgres/postgres.ts';

const rolesConfig = defineConfig({
  /** The URL of a superuser, in an existing database. */
  admin: secretUrl('HOP_POSTGRES_ADMIN'),
  passwordsFile: file('HOP_PASSWORDS_FILE'),
  /** The roles' connection limits are those of bootstrap.sql times this: one machine needs fewer than a cluster. */
  connectionsTimes: int('HOP_CONNECTIONS_TIMES', { min: 1, max: 100, default: 1 }),
});

/** With the locale of compose/local, not that of the server: without it a search would not find Ä as ä. */
const CREATE_DATABASE = `
create database hopline template template0 encoding 'UTF8'
  locale_provider builtin builtin_locale 'C.UTF-8' locale 'C'`;

const MULTIPLY = `
do $$
declare
  r record;
begin
  for r in select rolname, rolconnlimit from pg_roles where rolname like 'hop\\_%' and rolconnlimit > 0 loop
    execute format('alter role %I connection limit %s', r.rolname, r.rolconnlimit * TIMES);
  end loop;
end
$$`;

export async function makeRoles({
  admin,
  passwordsFile,
  connectionsTimes,
}: ConfigOf<typeof rolesConfig>): Promise<void> {
  const passwords = JSON.parse(readFileSync(passwordsFile, 'utf8')) as Record<string, string>;
  const bootstrap = readFileSync(path.join(checkout, 'compose/postgres/bootstrap.sql'), 'utf8');
  await connected(admin, async (client) => {
    const { rowCount } = await client.query("select from pg_database where datname = 'hopline'");
    if (rowCount === 0) await client.query(CREATE_DATABASE);
  });
  const database = new URL(admin);
  database.pathname = '/hopline';
  await connected(database.href, (client) =>
    client.query(
      `begin;\n${fillIn(bootstrap, passwords)};\n${MULTIPLY.replace('TIMES', String(connectionsTimes))};\ncommit`,
    ),
  );
}

async function connected(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'hopline-roles',
    connectionTimeoutMillis: 5_000,
    statement_timeout: 60_000,
  });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

if (import.meta.main) await makeRoles(mainConfig(rolesConfig));
