import { constants } from 'node:fs';
import { chmod, chown, copyFile, mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { PostgresHome } from './home.ts';

/** Folders whose content belongs to the running server or is streamed; they are empty in the copy. */
const EMPTY = new Set([
  'pg_wal',
  'pg_replslot',
  'pg_dynshmem',
  'pg_notify',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
]);
const SKIPPED = /^(postmaster\.(pid|opts)|pg_internal\.init.*|pgsql_tmp.*|backup_label|standby\.signal)$/;

/** Copies a data folder between pg_backup_start and pg_backup_stop; files that vanish meanwhile are not needed. */
export async function copyDataFolder(from: string, to: string, user: PostgresHome['user']): Promise<void> {
  await makeFolder(to, user);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (SKIPPED.test(entry.name)) continue;
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (!entry.isDirectory()) await copyOne(source, target, user);
    else if (EMPTY.has(entry.name)) await makeFolder(target, user);
    else await copyDataFolder(source, target, user);
  }
}

async function makeFolder(dir: string, user: PostgresHome['user']): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  if (user !== undefined) await chown(dir, user.uid, user.gid);
}

async function copyOne(source: string, target: string, user: PostgresHome['user']): Promise<void> {
  try {
    await copyFile(source, target, constants.COPYFILE_FICLONE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  await chmod(target, 0o600);
  if (user !== undefined) await chown(target, user.uid, user.gid);
}
