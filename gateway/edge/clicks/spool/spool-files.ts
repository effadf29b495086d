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
}

/** A directory in which a file was renamed while it was listed, or before it was opened, is listed again, this often. */
export const mostLooks = 5;

/**
 * In the order in which they were written; the one that Envoy writes is the last. None is left out because it is renamed meanwhile.
 * Asked of the kernel at once: nothing of it is read from a disk, and each question to another thread takes two more wake-ups.
 */
export function listSpool(directory: string): SpoolFile[] {
  for (let look = 1; ; look++) {
    const before = inodeOf(directory, activeName);
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
    const found = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (!found?.isFile()) continue;
    files.push({
      path,
      inode: String(found.ino),
      size: Number(found.size),
      active: name === activeName,
      // Not every file system knows when a file was made; none was made after it was written.
      bornAtMs: Math.min(Number(found.birthtimeMs || found.ctimeMs), Number(found.mtimeMs)),
    });
  }
  return files;
}

/** Opens a file that was listed; undefined when it was renamed since, whether another has taken its place or not. */
export async function openListed({ path, inode }: Pick<SpoolFile, 'path' | 'inode'>): Promise<FileHandle | undefined> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (!handle) return undefined;
  const found = await handle.stat({ bigint: true }).catch(() => undefined);
  if (found && String(found.ino) === inode) return handle;
  await handle.close();
  return undefined;
}

/** Undefined where there is no such file. */
export function inodeOf(directory: string, name: string): string | undefined {
  const found = statSync(join(directory, name), { bigint: true, throwIfNoEntry: false });
  return found && String(found.ino);
}
