import { readdirSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';

/** The file that Envoy appends to. */
export const activeName = 'clicks.jsonl';
/** What it was renamed to: by us after the time in milliseconds, by others as they like. */
const renamed = /^clicks-[0-9A-Za-z._-]{1,64}\.jsonl$/;

export interface SpoolFile {
  readonly path: string;
  readonly inode: string;
  readonly size: number;
  readonly active: boolean;
  readonly bornAtMs: number;
  /** Why nothing more is known of it than its name, which stands in place of its inode; its disk or its directory is damaged. */
  readonly fault?: unknown;
}

/** A directory in which a file was renamed while it was listed, or before it was opened, is listed again, this often. */
export const mostLooks = 5;

/**
 * In the order in which they were written; the one that Envoy writes is the last. None is left out because it is renamed meanwhile.
 * Asked of the kernel at once: nothing of it is read from a disk, and each question to another thread takes two more wake-ups.
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

/** Undefined where there is no such file. */
function lookAt(path: string, active: boolean): SpoolFile | undefined {
  try {
    const found = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (!found?.isFile()) return undefined;
    // Not every file system knows when a file was made; none was made after it was written.
    const bornAtMs = Math.min(Number(found.birthtimeMs || found.ctimeMs), Number(found.mtimeMs));
    return { path, inode: String(found.ino), size: Number(found.size), active, bornAtMs };
  } catch (fault) {
    // One that is damaged must not hide the others.
    return { path, inode: path, size: 0, active, bornAtMs: renamedAtMs(path), fault };
  }
}

/** As a name of ours says; never, as one of others does. */
function renamedAtMs(path: string): number {
  return Number(/-(\d{13})\.jsonl$/.exec(path)?.[1] ?? Number.POSITIVE_INFINITY);
}

/** Opens a file that was listed; undefined when it was renamed since, whether another has taken its place or not. */
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

/** Of the file that Envoy writes; undefined while there is none. */
export function activeInode(directory: string): string | undefined {
  return lookAt(join(directory, activeName), true)?.inode;
}
