import { unlink } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Log } from '#runtime/telemetry/log.ts';
import type { Acknowledged } from './cursor.ts';
import { createOpenSegments, type OpenSegments } from './open-segments.ts';
import { type Chunk, type Segment, SegmentMoved } from './segment.ts';
import { createSegmentFaults, type SegmentFaults } from './segment-faults.ts';
import { listSpool, type SpoolFile } from './spool-files.ts';
import { type Dropped, type SpoolLimits, surplusOf } from './spool-quota.ts';
import { createSpoolReader, type SpoolReader } from './spool-reader.ts';
import { createSync } from './sync.ts';

/** Reads the spool from the oldest unacknowledged line on, across segments. */
export interface Spool {
  /** The next whole lines; undefined while there is none. Each line is answered once between two starts. */
  next(): Promise<Chunk | undefined>;
  /** Notes what Kafka has, and deletes the segments that it has whole. Answers what the cursor must hold. */
  acknowledge(ends: ReadonlyMap<Segment, number>): Promise<Acknowledged>;
  /** Deletes the segments that have become superfluous since: addresses stand in them. */
  tidy(): Promise<void>;
  /** Deletes whole segments, sent or not, until the rest is within the limits. Answers those that were not sent whole. One that cannot be deleted keeps no other. */
  shed(limits: SpoolLimits, now: number): Promise<readonly Dropped[]>;
  /** Segments that the file system does not let us read: they wait until it does, or are beyond the limits. */
  unreadable(): number;
  /** Segments that it does not let us delete, although Kafka has them or they are beyond the limits: that is tried again. */
  undeletable(): number;
  /** Bytes that are not acknowledged. */
  lag(): Promise<number>;
  /** Puts on disk what Envoy has written so far. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

interface State {
  readonly directory: string;
  readonly segments: OpenSegments;
  readonly reader: SpoolReader;
  readonly unreadable: SegmentFaults;
  readonly undeletable: SegmentFaults;
}

interface SpoolOptions {
  readonly log: Log;
  /** Milliseconds of a clock that only runs forward. */
  readonly now?: () => number;
}

export function openSpool(
  directory: string,
  found: Acknowledged,
  { log, now = () => performance.now() }: SpoolOptions,
): Spool {
  const segments = createOpenSegments(found);
  const unreadable = createSegmentFaults(unreadableSaid, log, now);
  const undeletable = createSegmentFaults(undeletableSaid, log, now);
  const reader = createSpoolReader(directory, segments, unreadable);
  const state = { directory, segments, reader, unreadable, undeletable };
  // Reading and deleting must not meet: a file that was listed must still be there when it is opened.
  const inTurn = createTurns();
  return {
    next: () => inTurn(reader.next),
    acknowledge: (ends) =>
      inTurn(async () => {
        segments.acknowledge(ends);
        await removeFinished(state);
        return segments.acknowledged;
      }),
    tidy: () => inTurn(() => removeFinished(state)),
    shed: (limits, at) => inTurn(() => shed(state, limits, at)),
    unreadable: () => unreadable.count,
    undeletable: () => undeletable.count,
    async lag() {
      const files = listSpool(directory);
      return files.reduce((sum, file) => sum + segments.unacknowledgedOf(file), 0);
    },
    sync: createSync(directory, () => listSpool(directory)),
    close: segments.closeAll,
  };
}

const unreadableSaid = {
  failed: 'a segment cannot be read; it is left where it is, and those after it are read',
  mended: 'the segment can be read again',
};
const undeletableSaid = {
  failed: 'a segment cannot be deleted; addresses stand in it, and its disk space is not free',
  mended: 'the segment is deleted after all',
};

/** One after the other, in the order in which they were asked for. */
function createTurns() {
  let turn: Promise<unknown> = Promise.resolve();
  return <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = turn.then(work);
    turn = result.catch(() => {});
    return result;
  };
}

/** Deletes what was read to its end and is with Kafka. */
async function removeFinished(state: State): Promise<void> {
  const { directory, segments, reader, undeletable } = state;
  if (reader.finished.size === 0) return;
  for (const segment of reader.finished) {
    if (undeletable.isResting(segment)) continue;
    const files = listSpool(directory);
    const file = files.find(({ inode }) => inode === segment.inode);
    // It may be the one of which nothing can be known just now.
    if (!file && files.some(({ fault }) => fault)) continue;
    const end = segments.acknowledgedOf(segment);
    if (file && file.size > segment.offset) reader.resume(segment);
    if (file && (file.active || end < file.size)) continue;
    if (file && !(await tryToDelete(state, file))) continue;
    await reader.letGo(segment);
  }
  segments.forgetAllBut(listSpool(directory));
}

/** Deletes what is beyond the limits. */
async function shed(state: State, limits: SpoolLimits, now: number): Promise<Dropped[]> {
  const { directory, unreadable, undeletable } = state;
  const files = listSpool(directory);
  for (const faults of [unreadable, undeletable]) faults.forgetAllBut(files);
  const dropped: Dropped[] = [];
  for (const { file, reason } of surplusOf(files, limits, now)) {
    if (undeletable.isResting(file)) continue;
    const unread = await drop(state, file);
    if (unread && unread.lines > 0) dropped.push({ segment: basename(file.path), reason, ...unread });
  }
  return dropped;
}

type Unread = Pick<Dropped, 'lines' | 'bytes'>;

/** Answers what had not been read of a file that is deleted now; undefined when it is not. */
async function drop(state: State, file: SpoolFile): Promise<Unread | undefined> {
  const { segments, reader } = state;
  const unread = await unreadOf(segments, file);
  if (!unread || !(await tryToDelete(state, file))) return undefined;
  const segment = segments.opened(file.inode);
  if (segment) {
    await reader.letGo(segment);
    segments.forget(segment);
  }
  return unread;
}

/**
 * The limits hold for what cannot be read, too: nobody can tell how many lines are in it, and at least one is. Undefined where another file
 * has taken its place since it was listed.
 */
async function unreadOf(segments: OpenSegments, file: SpoolFile): Promise<Unread | undefined> {
  const unknown = { lines: 1, bytes: file.size };
  if (file.fault) return unknown;
  try {
    return await (await segments.of(file)).unread();
  } catch (error) {
    return error instanceof SegmentMoved ? undefined : unknown;
  }
}

/** Answers whether the file is deleted now. */
async function tryToDelete({ segments, unreadable, undeletable }: State, file: SpoolFile): Promise<boolean> {
  try {
    await unlink(file.path);
  } catch (error) {
    undeletable.note(file, error);
    await segments.opened(file.inode)?.close();
    return false;
  }
  unreadable.leave(file);
  undeletable.forget(file);
  return true;
}
