import { unlink } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Log } from '#runtime/telemetry/log.ts';
import type { Acknowledged } from './cursor.ts';
import { createOpenSegments, type OpenSegments } from './open-segments.ts';
import { createOutageClock } from './outage-clock.ts';
import { type Chunk, type Segment, SegmentMoved } from './segment.ts';
import { createSegmentFaults, type SegmentFaults } from './segment-faults.ts';
import { listSpool, type SpoolFile } from './spool-files.ts';
import { type Dropped, type SpoolLimits, surplusOf } from './spool-quota.ts';
import { createSpoolReader, type SpoolReader } from './spool-reader.ts';
import { createSync } from './sync.ts';

/** Reads the spool from the oldest unacknowledged line on, across segments. */
export interface Spool {
  /** The next complete lines; undefined while there are none. Each line is returned once between two starts. */
  next(): Promise<Chunk | undefined>;
  /** Records what Kafka has, and deletes the segments that it has entirely. Returns what the cursor must hold. */
  acknowledge(ends: ReadonlyMap<Segment, number>): Promise<Acknowledged>;
  /** Deletes the segments that are no longer needed: they hold addresses. */
  tidy(): Promise<void>;
  /**
   * Deletes whole segments, sent or not, until the rest is within the limits. Returns those not fully sent. A segment that cannot be
   * deleted holds up no other.
   */
  shed(limits: SpoolLimits, now: number): Promise<readonly Dropped[]>;
  /** For how long it could not be read, up to the latest attempt, in milliseconds; 0: that one succeeded. */
  unreadForMs(): number;
  /** Segments that the file system fails to read: they wait until it can, or until they exceed the limits. */
  unreadable(): number;
  /** Segments that it fails to delete, although Kafka has them or they exceed the limits; retried. */
  undeletable(): number;
  /** Unacknowledged bytes. */
  lag(): Promise<number>;
  /** Flushes to disk what Envoy has written so far. */
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
  /** Milliseconds, monotonic. */
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
  // Reading and deleting must not overlap: a listed file must still be there when it is opened.
  const inTurn = createTurns();
  const reading = createOutageClock(now);
  return {
    next: () => inTurn(() => reading.attempt(reader.next)),
    acknowledge: (ends) =>
      inTurn(async () => {
        segments.acknowledge(ends);
        await removeFinished(state);
        return segments.acknowledged;
      }),
    tidy: () => inTurn(() => removeFinished(state)),
    shed: (limits, at) => inTurn(() => shed(state, limits, at)),
    unreadForMs: reading.outageMs,
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

/** Runs tasks one after the other, in the order of the calls. */
function createTurns() {
  let turn: Promise<unknown> = Promise.resolve();
  return <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = turn.then(work);
    turn = result.catch(() => {});
    return result;
  };
}

/** Deletes segments that were read to the end and that Kafka has. */
async function removeFinished(state: State): Promise<void> {
  const { directory, segments, reader, undeletable } = state;
  if (reader.finished.size === 0) return;
  for (const segment of reader.finished) {
    if (undeletable.isResting(segment)) continue;
    const files = listSpool(directory);
    const file = files.find(({ inode }) => inode === segment.inode);
    // It may be the file that cannot be inspected at the moment.
    if (!file && files.some(({ fault }) => fault)) continue;
    const end = segments.acknowledgedOf(segment);
    if (file && file.size > segment.offset) reader.resume(segment);
    if (file && (file.active || end < file.size)) continue;
    if (file && !(await tryToDelete(state, file))) continue;
    await reader.letGo(segment);
  }
  segments.forgetAllBut(listSpool(directory));
}

/** Deletes what exceeds the limits. */
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

/** Returns what had not been read of a file that is now deleted; undefined when it was not deleted. */
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
 * The limits hold for unreadable segments too: their lines cannot be counted, but there is at least one. Undefined if another file has
 * taken the place of this one since it was listed.
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

/** Returns whether the file is now deleted. */
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
