// Which of the two data folders is the primary's. The port belongs to the role, the folder to the server: a failover gives the replica's
// folder the primary's port, as a service name moves to another pod, and no client has to be reconfigured.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { replaceFile } from '../supervisor/pid-files.ts';
import type { PostgresHome } from './home.ts';

const FOLDERS = ['postgres', 'postgres-replica'] as const;

const noteFile = (home: PostgresHome): string => path.join(home.data, 'postgres-primary');

function primaryFolder(home: PostgresHome): (typeof FOLDERS)[number] {
  const file = noteFile(home);
  const noted = existsSync(file) ? readFileSync(file, 'utf8').trim() : FOLDERS[0];
  const folder = FOLDERS.find((name) => name === noted);
  // A guess here could start the folder of a replaced primary.
  if (folder === undefined) throw new Error(`${file} names no data folder: expected ${FOLDERS.join(' or ')}.`);
  return folder;
}

const otherFolder = (home: PostgresHome): string => FOLDERS.find((name) => name !== primaryFolder(home)) ?? FOLDERS[1];

export const primaryDir = (home: PostgresHome): string => path.join(home.data, primaryFolder(home));
export const replicaDir = (home: PostgresHome): string => path.join(home.data, otherFolder(home));

/** True for a data folder that follows a primary, and has not been one since it was created. */
export const isStandby = (dir: string): boolean => existsSync(path.join(dir, 'standby.signal'));

/** From here on the two have switched, whatever happens to this process: the old primary's folder is never started as a primary again. */
export function exchangeRoles(home: PostgresHome): void {
  replaceFile(noteFile(home), `${otherFolder(home)}\n`);
}
