import { createHash } from 'node:crypto';
import { fstatSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { openListed } from './spool-files.ts';

/** Consecutive lines of one segment, and where they end. */
export interface Chunk {
  readonly segment: Segment;
  /** The offset after the last line: acknowledging the chunk acknowledges the segment up to here. */
  readonly end: number;
  readonly lines: readonly string[];
  /** Lines that were too long, or are torn for good. */
  readonly unreadable: number;
}

/** One file of the spool, read from start to end. */
export interface Segment {
  /** The file's inode, which survives a rename. Unique while the file is open. */
  readonly inode: string;
  path: string;
  /**
   * Which file this is, whatever its present name: inode and a hash of the first line, which holds a request id. Known once there is a
   * first line.
   */
  readonly identity: string | undefined;
  /** Where the next read begins. */
  readonly offset: number;
  /** The next complete lines; undefined while there are none. Rejects with SegmentCut when the file was truncated below what has been read. */
  read(): Promise<Chunk | undefined>;
  /** Call it once nobody will write to the file any more: what is left is a torn line. */
  readTorn(): Promise<Chunk | undefined>;
  /** What has not been read yet, up to the end of the file. */
  unread(): Promise<{ lines: number; bytes: number }>;
  /** Closes the file. The next read reopens it and continues where this one stopped. */
  close(): Promise<void>;
}

const chunkBytes = 256 * 1_024;
/** Every field is capped in the access log's format; a line of capped fields, with worst-case escaping, is shorter. */
const lineBytes = 64 * 1_024;
const newline = 10;

/** The file that was listed under a path is no longer there: it was renamed, and another may have taken its place. */
export class SegmentMoved extends Error {
  override readonly name = 'SegmentMoved';
}

/** Somebody truncated the file: its unread content is lost, and what is written from now on belongs to another file. */
export class SegmentCut extends Error {
  override readonly name = 'SegmentCut';
  readonly segment: Segment;

  constructor(segment: Segment) {
    super(`${segment.path} was cut short; what was not read yet is lost, and it is read from its start`);
    this.segment = segment;
  }
}

/**
 * Opens a segment; the acknowledged offset is looked up once its identity is known, and reading begins there. Rejects with SegmentMoved
 * when another file or none is at the path: read under this name, the other would pass for this one, which would be deleted unread.
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
  /** The bytes at the offset belong to an overlong line and are skipped up to its end. */
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
  // Nothing was written through this handle, so a failure to close it loses nothing.
  await state.handle.close().catch(() => {});
}

async function reopen(state: State, segment: Segment): Promise<void> {
  state.handle = await openUnmoved(segment);
  state.isClosed = false;
  const { identity } = state;
  // The file was rewritten meanwhile, under the same inode.
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
  // A synchronous call: it touches no disk, and an asynchronous one would cost two more thread wake-ups.
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
 * Fills the buffer with this many bytes, or until it holds a complete line. On a damaged disk a read ends before the damage, and only the
 * next one fails: without that one, the readable half of a line would pass for the end of the file, and everything behind it for torn.
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

/** Moves to the first unacknowledged byte, once the first line says which file this is. */
async function findPlace(state: State, acknowledgedOf: (identity: string) => number, whole = false): Promise<boolean> {
  if (state.identity === undefined && !(await identify(state, whole))) return false;
  if (state.offset === 0 && state.identity) state.offset = await startAt(state, acknowledgedOf(state.identity));
  return true;
}

// A file that is shorter than its acknowledged offset was truncated and rewritten.
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
