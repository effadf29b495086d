import { createHash } from 'node:crypto';
import { fstatSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { openListed } from './spool-files.ts';

/** Lines that stand in one segment, and where they end. */
export interface Chunk {
  readonly segment: Segment;
  /** The offset after the last of them: acknowledging the chunk means acknowledging the segment up to here. */
  readonly end: number;
  readonly lines: readonly string[];
  /** Lines that were too long to be one, or torn for good. */
  readonly unreadable: number;
}

/** One file of the spool, read from start to end. */
export interface Segment {
  /** The file's inode, which a rename leaves as it is. Unique while the file is open. */
  readonly inode: string;
  path: string;
  /**
   * Which file this is, whatever it is called by now: inode and a hash of the first line, which holds a request id. Known
   * once there is a first line.
   */
  readonly identity: string | undefined;
  /** Where the next read begins. */
  readonly offset: number;
  /** The next whole lines; undefined while there is none. Rejects with SegmentCut when the file ends before what was read of it. */
  read(): Promise<Chunk | undefined>;
  /** To be called when nobody will write to the file any more: what is left is a torn line. */
  readTorn(): Promise<Chunk | undefined>;
  /** What was not read yet, to its end. */
  unread(): Promise<{ lines: number; bytes: number }>;
  /** Lets go of the file. It is opened anew when it is read again, which goes on where it stood. */
  close(): Promise<void>;
}

const chunkBytes = 256 * 1_024;
/** Every field is capped in the access log's format; a line of capped fields, escaped in the worst way, is shorter. */
const lineBytes = 64 * 1_024;
const newline = 10;

/** What was listed under a path is no longer there: it was renamed since, and another file may have taken its place. */
export class SegmentMoved extends Error {
  override readonly name = 'SegmentMoved';
}

/** Somebody cut the file short: what was not read of it is gone, and what is written now is another file's content. */
export class SegmentCut extends Error {
  override readonly name = 'SegmentCut';
  readonly segment: Segment;

  constructor(segment: Segment) {
    super(`${segment.path} was cut short; what was not read yet is lost, and it is read from its start`);
    this.segment = segment;
  }
}

/**
 * Opens a segment; the acknowledged offset is looked up once its identity is known, and is where reading begins. Rejects with
 * SegmentMoved when another file is there now, or none: read as this one, it would pass for it, and this one would be deleted unread.
 */
export async function openSegment(
  path: string,
  inode: string,
  acknowledgedOf: (identity: string) => number,
): Promise<Segment> {
  const state: State = {
    handle: await openUnmoved({ path, inode }),
    isClosed: false,
    buffer: Buffer.allocUnsafe(chunkBytes),
    inode,
    identity: undefined,
    offset: 0,
    inLongLine: false,
  };
  const segment: Segment = {
    inode,
    path,
    get identity() {
      return state.identity;
    },
    get offset() {
      return state.offset;
    },
    read: () => readChunk(state, segment, acknowledgedOf),
    readTorn: async () => (await readChunk(state, segment, acknowledgedOf)) ?? readTail(state, segment),
    unread: () => countUnread(state, segment, acknowledgedOf),
    close: () => close(state),
  };
  return segment;
}

interface State {
  handle: FileHandle;
  isClosed: boolean;
  readonly buffer: Buffer;
  readonly inode: string;
  identity: string | undefined;
  offset: number;
  /** The bytes at the offset belong to a line that is too long; they are skipped up to its end. */
  inLongLine: boolean;
}

async function openUnmoved(file: Pick<Segment, 'path' | 'inode'>): Promise<FileHandle> {
  const handle = await openListed(file);
  if (!handle) throw new SegmentMoved(`${file.path} was renamed`);
  return handle;
}

async function close(state: State): Promise<void> {
  if (state.isClosed) return;
  state.isClosed = true;
  // Nothing was written by it, so nothing is lost with it.
  await state.handle.close().catch(() => {});
}

async function reopen(state: State, segment: Segment): Promise<void> {
  state.handle = await openUnmoved(segment);
  state.isClosed = false;
  const { identity } = state;
  // Written anew meanwhile, under the same inode.
  if (identity !== undefined && (await identify(state)) && state.identity !== identity) throw new SegmentCut(segment);
}

async function readChunk(
  state: State,
  segment: Segment,
  acknowledgedOf: (identity: string) => number,
): Promise<Chunk | undefined> {
  if (state.isClosed) await reopen(state, segment);
  if (!(await findPlace(state, acknowledgedOf))) return undefined;
  const { buffer, offset } = state;
  // Asked of the kernel at once, for nothing has to be read from a disk: to be told by another thread takes two more wake-ups.
  const { size } = fstatSync(state.handle.fd);
  if (size < offset) throw new SegmentCut(segment);
  if (size === offset) return undefined;
  const bytesRead = await readToLine(state, offset, chunkBytes);
  if (bytesRead === 0) return undefined;
  const last = buffer.lastIndexOf(newline, bytesRead - 1);
  if (last < 0) return bytesRead < chunkBytes ? undefined : skipLongLine(state, segment, bytesRead);
  state.offset += last + 1;
  const { lines, unreadable } = split(buffer, last, state.inLongLine);
  state.inLongLine = false;
  return { segment, end: state.offset, lines, unreadable };
}

/**
 * Fills the buffer with so many bytes, or until there is a whole line. Where a disk is damaged a read ends before the damage, and only the next
 * one tells of it: without asking again, the good half of a line would pass for the end of the file, and all behind it for torn.
 */
async function readToLine({ handle, buffer }: State, offset: number, most: number): Promise<number> {
  let filled = 0;
  while (filled < most) {
    const { bytesRead } = await handle.read(buffer, filled, most - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
    if (buffer.lastIndexOf(newline, filled - 1) >= 0) break;
  }
  return filled;
}

/** Moves to the first byte that is not acknowledged, once the first line says which file this is. */
async function findPlace(state: State, acknowledgedOf: (identity: string) => number, whole = false): Promise<boolean> {
  if (state.identity === undefined && !(await identify(state, whole))) return false;
  if (state.offset === 0 && state.identity) state.offset = await startAt(state, acknowledgedOf(state.identity));
  return true;
}

// A file that is shorter than what was acknowledged of it was cut and written anew.
async function startAt(state: State, acknowledged: number): Promise<number> {
  return acknowledged <= (await state.handle.stat()).size ? acknowledged : 0;
}

async function identify(state: State, whole = false): Promise<boolean> {
  const bytesRead = await readToLine(state, 0, lineBytes);
  const end = state.buffer.subarray(0, bytesRead).indexOf(newline);
  const length = end >= 0 ? end : bytesRead === lineBytes || whole ? bytesRead : -1;
  if (length < 0) return false;
  const digest = createHash('sha256').update(state.buffer.subarray(0, length)).digest('hex').slice(0, 24);
  state.identity = `${state.inode}:${digest}`;
  return true;
}

function skipLongLine(state: State, segment: Segment, bytes: number): Chunk {
  state.offset += bytes;
  const first = !state.inLongLine;
  state.inLongLine = true;
  return { segment, end: state.offset, lines: [], unreadable: first ? 1 : 0 };
}

async function readTail(state: State, segment: Segment): Promise<Chunk | undefined> {
  const { size } = await state.handle.stat();
  if (size <= state.offset) return undefined;
  if (state.identity === undefined) await identify(state, true);
  const torn = state.inLongLine ? 0 : 1;
  state.offset = size;
  state.inLongLine = false;
  return { segment, end: size, lines: [], unreadable: torn };
}

async function countUnread(
  state: State,
  segment: Segment,
  acknowledgedOf: (identity: string) => number,
): Promise<{ lines: number; bytes: number }> {
  if (state.isClosed) await reopen(state, segment);
  await findPlace(state, acknowledgedOf, true);
  const { buffer, handle, offset } = state;
  let lines = 0;
  let end = offset;
  let last = newline;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, chunkBytes, end);
    if (bytesRead === 0) break;
    for (let at = buffer.indexOf(newline); at >= 0 && at < bytesRead; at = buffer.indexOf(newline, at + 1)) lines++;
    last = buffer[bytesRead - 1] ?? newline;
    end += bytesRead;
  }
  return { lines: last === newline ? lines : lines + 1, bytes: end - offset };
}

function split(buffer: Buffer, last: number, inLongLine: boolean): { lines: string[]; unreadable: number } {
  const lines: string[] = [];
  let unreadable = 0;
  let start = inLongLine ? buffer.indexOf(newline) + 1 : 0;
  while (start <= last) {
    const end = buffer.indexOf(newline, start);
    if (end - start > lineBytes) unreadable++;
    else if (end > start) lines.push(buffer.toString('utf8', start, end));
    start = end + 1;
  }
  return { lines, unreadable };
}
