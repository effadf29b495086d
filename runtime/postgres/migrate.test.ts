import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../telemetry/log.ts';
import { createTestDatabase, type TestDatabase } from '../testing/postgres.ts';
import { postgresServerUrl } from '../testing/stores.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';
import { waitFor } from '../testing/wait-for.ts';
import { migrate } from './migrate.ts';

const base = temporaryDirectory();
let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase(postgresServerUrl());
});
afterAll(() => database.drop());

function folder(files: Record<string, string>): string {
  const directory = mkdtempSync(join(base, 'm'));
  for (const [name, sql] of Object.entries(files)) writeFileSync(join(directory, name), sql);
  return directory;
}

const first = { '0001_item.sql': 'create table item (id int primary key); insert into item values (1);' };
const second = { '0002_more.sql': 'alter table item add column amount int;' };

describe('migrate', () => {
  const run = (files: Record<string, string>) =>
    migrate({ url: database.urlAs('hop_link'), dir: folder(files), schema: 'link', log: silentLog });

  it('applies what is missing, once, however many start together', async () => {
    const applied = await Promise.all([run(first), run(first), run(first)]);
    expect(applied.flat()).toEqual(['0001_item.sql']);
    expect(await run({ ...first, ...second })).toEqual(['0002_more.sql']);
    expect(await run({ ...first, ...second })).toEqual([]);
  });

  it('lets an older version start on the schema of a newer one', async () => {
    expect(await run(first)).toEqual([]);
  });

  it('undoes a migration that fails half way', async () => {
    await expect(
      run({ ...first, ...second, '0003_bad.sql': 'create table half (); select nonsense;' }),
    ).rejects.toThrow('0003_bad.sql failed');
    const client = new pg.Client({ connectionString: database.urlAs('hop_link') });
    await client.connect();
    expect((await client.query("select to_regclass('link.half') as half")).rows).toEqual([{ half: null }]);
    await client.end();
  });

  it('refuses a changed file, a late one, one number twice and a strange name', async () => {
    await expect(run({ '0001_item.sql': 'select 1', ...second })).rejects.toThrow('0001_item.sql was changed');
    await expect(run({ '0000_late.sql': 'select 1', ...first, ...second })).rejects.toThrow(
      '0000_late.sql comes after 2',
    );
    await expect(run({ '0001_a.sql': '', '0001_b.sql': '' })).rejects.toThrow('0001 twice');
    await expect(run({ 'x.sql': '' })).rejects.toThrow('not named NNNN_name.sql');
  });

  it('holds nobody up for long while it waits for a table, and ends when that takes too long', async () => {
    const url = database.urlAs('hop_link');
    const [holder, reader] = [
      new pg.Client({ connectionString: url }),
      new pg.Client({ connectionString: url, statement_timeout: 5_000 }),
    ];
    await Promise.all([holder.connect(), reader.connect()]);
    await holder.query('begin; select from link.item');
    const dir = folder({ ...first, ...second, '0003_note.sql': 'alter table item add column note text;' });
    const options = { url, dir, schema: 'link', log: silentLog, tableLockMs: 100 };
    await expect(migrate({ ...options, lockTimeoutMs: 300 })).rejects.toMatchObject({
      message: '0003_note.sql failed.',
      cause: { code: '55P03' },
    });
    const migrating = migrate(options);
    const waiting = "select from pg_locks where mode = 'AccessExclusiveLock' and not granted";
    await waitFor(async () => (await holder.query(waiting)).rowCount === 1);
    expect((await reader.query('select id from link.item')).rowCount).toBe(1);
    await holder.query('rollback');
    expect(await migrating).toEqual(['0003_note.sql']);
    await Promise.all([holder.end(), reader.end()]);
  });

  it('is a command', () => {
    const migrateTs = join(import.meta.dirname, 'migrate.ts');
    const dir = folder({ '0001_key.sql': 'create table key ();' });
    const call = (...args: string[]) => spawnSync(process.execPath, [migrateTs, ...args], { encoding: 'utf8' });
    expect(call('--dir', dir).status).toBe(64);
    const args = ['--dir', dir, '--url', database.urlAs('hop_identity'), '--schema', 'identity'];
    expect(call(...args)).toMatchObject({ status: 0, stdout: expect.stringContaining('0001_key.sql') });
    expect(call(...args.slice(0, 4), '--schema', 'absent').status).toBe(1);
  });
});
