import { type FileHandle, open } from 'node:fs/promises';
import type { SpoolFile } from './spool-files.ts';

/**
 * Puts on disk what Envoy has written: a process may die and its writes are with the kernel, a host may not. Each file is
 * synced when it has grown, the renamed ones too, and their directory when there is a new one.
 */
export function createSync(
  directory: string,
  list: () => Promise<readonly SpoolFile[]>,
  datasync: (handle: FileHandle) => Promise<void> = (handle) => handle.datasync(),
): () => Promise<void> {
  /** By inode, the bytes that are on disk. */
  let durable = new Map<string, number>();

  return async () => {
    const next = new Map<string, number>();
    let isNew = false;
    for (const { path, inode, size } of await list()) {
      const before = durable.get(inode);
      // A file that is smaller than it was is another one: the inode of a deleted file is given again.
      if (before !== size) {
        if (!(await syncFile(path, inode, datasync))) continue;
        isNew ||= before === undefined || size < before;
      }
      next.set(inode, size);
    }
    if (isNew) await syncFile(directory, undefined, (handle) => handle.sync());
    durable = next;
  };
}

/** Any handle of a file will do. One that was renamed in between is looked at the next time. */
async function syncFile(
  path: string,
  inode: string | undefined,
  sync: (handle: FileHandle) => Promise<void>,
): Promise<boolean> {
  const handle = await open(path, 'r').catch(() => undefined);
  if (!handle) return false;
  try {
    if (inode !== undefined && String((await handle.stat({ bigint: true })).ino) !== inode) return false;
    await sync(handle);
    return true;
  } finally {
    await handle.close();
  }
}
