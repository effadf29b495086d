import { readFile } from 'node:fs/promises';
import { writeWhole } from '../../atomic-file.ts';

/** For each segment (by its identity, see spool.ts), how many bytes Kafka has acknowledged. */
export type Acknowledged = ReadonlyMap<string, number>;

export interface Cursor {
  /** As found on disk. Empty: everything in the spool is sent, again if need be. */
  readonly found: Acknowledged;
  /** Returns once the new state is on disk; a crash leaves either the old or the new one. */
  save(acknowledged: Acknowledged): Promise<void>;
}

const cursorFormat = 1;

/** Opens the cursor at the path. A missing or unreadable one counts as empty: clicks sent twice are counted once, clicks skipped are lost. */
export async function openCursor(path: string, onUnreadable: (error: unknown) => void): Promise<Cursor> {
  const found = await read(path, onUnreadable);
  return { found, save: (acknowledged) => write(path, acknowledged) };
}

async function read(path: string, onUnreadable: (error: unknown) => void): Promise<Acknowledged> {
  try {
    return decode(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!missing) onUnreadable(error);
    return new Map();
  }
}

function decode(value: unknown): Acknowledged {
  const { v, segments } = value as { v?: unknown; segments?: unknown };
  if (v !== cursorFormat || typeof segments !== 'object' || segments === null) throw new Error('not a cursor');
  const acknowledged = new Map<string, number>();
  for (const [segment, offset] of Object.entries(segments)) {
    if (!Number.isSafeInteger(offset) || offset < 0) throw new Error('not an offset');
    acknowledged.set(segment, offset);
  }
  return acknowledged;
}

function write(path: string, acknowledged: Acknowledged): Promise<void> {
  return writeWhole(path, JSON.stringify({ v: cursorFormat, segments: Object.fromEntries(acknowledged) }));
}
