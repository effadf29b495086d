import { readdirSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** The file that Envoy appends to. */
export const activeName = 'clicks.jsonl';
/** Its name after a rename: ours holds the time (segmentName), others may choose their own. */
const renamed = /^clicks-[0-9A-Za-z._-]{1,64}\.jsonl$/;

/** Our name for a segment, after when it was renamed, in milliseconds since 1970: of one length, so that names sort by time. */
export const segmentName = (renamedAtMs: number): string => `clicks-${String(renamedAtMs).padStart(13, '0')}.jsonl`;

/** The year 2200: no clock is as wrong as that, so such a name was given by others. */
const newestMs = Date.UTC(2200);

/** When a segment was renamed; undefined for a name given by others. */
export function renamedAtMs(path: string): number | undefined {
  const time = Number(/^clicks-(\d{13})\.jsonl$/.exec(basename(path))?.[1]);
  return time < newestMs ? time : undefined;
}

export interface SpoolFile {
  readonly path: string;
  readonly inode: string;
  readonly size: number;
  readonly active: boolean;
  readonly bornAtMs: number;
  /** Why the file could not be inspected (its disk or directory is damaged); its path then stands in place of the inode. */
  readonly fault?: unknown;
}

/** If a file is renamed while the directory is listed, or before it is opened, the directory is listed again, at most this often. */
export const mostLooks = 5;

/**
 * In the order in which they were written, the active one last. None is left out because it is renamed meanwhile. Synchronous calls: they
 * touch no disk, and each asynchronous one would cost two more thread wake-ups.
 */
export function listSpool(directory: string): SpoolFile[] {
  for (let look = 1; ; look++) {
    const before = activeInode(directory);
    const files = listOnce(directory);
    const active = files.find((file) => file.active);
    if (active?.inode === before || look === mostLooks) return files;
  }
}

function listOnce(directory: string): SpoolFile[] {
  const names = readdirSync(directory)
    .filter((name) => renamed.test(name))
    .sort();
  const files: SpoolFile[] = [];
  for (const name of [...names, activeName]) {
    const path = join(directory, name);
    const file = lookAt(path, name === activeName);
    if (file) files.push(file);
  }
  return files;
}

/** Undefined if there is no such file. */
function lookAt(path: string, active: boolean): SpoolFile | undefined {
  try {
    const found = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (!found?.isFile()) return undefined;
    // Not every file system records birth times; no file was made after it was last written.
    const bornAtMs = Math.min(Number(found.birthtimeMs || found.ctimeMs), Number(found.mtimeMs));
    return { path, inode: String(found.ino), size: Number(found.size), active, bornAtMs };
  } catch (fault) {
    // A damaged file must not hide the others.
    return { path, inode: path, size: 0, active, bornAtMs: renamedAtMs(path) ?? Number.POSITIVE_INFINITY, fault };
  }
}

/**
 * Those of the listed files to which Envoy writes no more. Envoy opens the active file only after it has written the last byte of the file
 * before, and we rename no other than the active one: so all others are left when there is an active one, and otherwise all of ours but the
 * newest. A name that others gave does not tell when that was.
 */
export function leftByEnvoy(files: readonly SpoolFile[]): ReadonlySet<SpoolFile> {
  const renamed = files.filter(({ active }) => !active);
  // One that could not be inspected may not be there.
  if (files.some(({ active, fault }) => active && !fault)) return new Set(renamed);
  return new Set(renamed.filter(({ path }) => renamedAtMs(path) !== undefined).slice(0, -1));
}

/** Opens a listed file; undefined when it was renamed since, whether or not another has taken its place. */
export async function openListed({ path, inode }: Pick<SpoolFile, 'path' | 'inode'>): Promise<FileHandle | undefined> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (!handle) return undefined;
  try {
    const { ino } = await handle.stat({ bigint: true });
    if (String(ino) === inode) return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return undefined;
}

/** The inode of the active file; undefined while there is none. */
export function activeInode(directory: string): string | undefined {
  return lookAt(join(directory, activeName), true)?.inode;
}
