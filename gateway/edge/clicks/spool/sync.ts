import { type FileHandle, open } from 'node:fs/promises';
import { openListed, type SpoolFile } from './spool-files.ts';

/**
 * Flushes to disk what Envoy has written: the kernel keeps the writes of a process that dies, but not those of a host. Each file is synced
 * when it has grown, renamed ones too, and their directory when there is a new one.
 */
export function createSync(
  directory: string,
  list: () => readonly SpoolFile[],
  datasync: (handle: FileHandle) => Promise<void> = (handle) => handle.datasync(),
): () => Promise<void> {
  /** Bytes on disk, by inode. */
  let durable = new Map<string, number>();

  return async () => {
    const next = new Map<string, number>();
    let isNew = false;
    let fault: unknown;
    for (const file of list()) {
      const { inode, size } = file;
      const before = durable.get(inode);
      // A file that is smaller than it was is another one: inodes of deleted files are reused.
      if (before !== size) {
        // A file renamed in between is handled the next time.
        const isSynced = await syncAndClose(openListed(file), datasync).catch((error: unknown) => {
          fault ??= error;
          return false;
        });
        if (!isSynced) continue;
        isNew ||= before === undefined || size < before;
      }
      next.set(inode, size);
    }
    if (isNew) await syncAndClose(open(directory, 'r'), (handle) => handle.sync());
    durable = next;
    // The others have been synced by now.
    if (fault) throw fault;
  };
}

/** Any handle of a file will do. False if there is no such file. */
async function syncAndClose(
  opening: Promise<FileHandle | undefined>,
  sync: (handle: FileHandle) => Promise<void>,
): Promise<boolean> {
  const handle = await opening.catch(() => undefined);
  if (!handle) return false;
  try {
    await sync(handle);
    return true;
  } finally {
    await handle.close();
  }
}
