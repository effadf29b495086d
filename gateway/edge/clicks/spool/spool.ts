import { unlink } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Log } from '#runtime/telemetry/log.ts';
import type { Acknowledged } from './cursor.ts';
import { createOpenSegments, type OpenSegments } from './open-segments.ts';
import { type Chunk, type Segment, SegmentMoved } from './segment.ts';
import { listSpool, type SpoolFile } from './spool-files.ts';
import { type Dropped, type DropReason, type SpoolLimits, surplusOf } from './spool-quota.ts';
import { createSpoolReader, type SpoolReader } from './spool-reader.ts';
import { createSync } from './sync.ts';
import { createUnreadableSegments } from './unreadable-segments.ts';

/** Reads the spool from the oldest unacknowledged line on, across segments. */
export interface Spool {
  /** The next whole lines; undefined while there is none. Each line is answered once between two starts, but those not yet acknowledged of a segment that cannot be read. */
  next(): Promise<Chunk | undefined>;
  /** Notes what Kafka has, and deletes the segments that it has whole. Answers what the cursor must hold. */
  acknowledge(ends: ReadonlyMap<Segment, number>): Promise<Acknowledged>;
  /** Deletes the segments that have become superfluous since: addresses stand in them. */
  tidy(): Promise<void>;
  /** Deletes whole segments, sent or not, until the rest is within the limits. Answers those that were not sent whole. */
  shed(limits: SpoolLimits, now: number): Promise<readonly Dropped[]>;
  /** Segments that the file system does not let us read: they wait until it does, or are beyond the limits. */
  unreadable(): number;
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
  const unreadable = createUnreadableSegments(log, now);
  const reader = createSpoolReader(directory, segments, unreadable);
  const state = { directory, segments, reader };
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
    async lag() {
      const files = listSpool(directory);
      return files.reduce((sum, file) => sum + segments.unacknowledgedOf(file), 0);
    },
    sync: createSync(directory, () => listSpool(directory)),
    close: segments.closeAll,
  };
}

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
async function removeFinished({ directory, segments, reader }: State): Promise<void> {
  if (reader.finished.size === 0) return;
  for (const segment of reader.finished) {
    const file = listSpool(directory).find(({ inode }) => inode === segment.inode);
    const end = segments.acknowledgedOf(segment);
    if (file && file.size > segment.offset) reader.resume(segment);
    if (file && (file.active || end < file.size)) continue;
    if (file) await unlink(file.path);
    await reader.letGo(segment);
  }
  segments.forgetAllBut(listSpool(directory));
}

/** Deletes what is beyond the limits. */
async function shed(state: State, limits: SpoolLimits, now: number): Promise<Dropped[]> {
  const dropped: Dropped[] = [];
  for (const { file, reason } of surplusOf(listSpool(state.directory), limits, now)) {
    const one = await drop(state, file, reason);
    if (one.lines > 0) dropped.push(one);
  }
  return dropped;
}

async function drop({ segments, reader }: State, file: SpoolFile, reason: DropReason): Promise<Dropped> {
  const unread = await unreadOf(segments, file);
  await unlink(file.path);
  const segment = segments.opened(file.inode);
  if (segment) {
    await reader.letGo(segment);
    segments.forget(segment);
  }
  return { segment: basename(file.path), reason, ...unread };
}

/** The limits hold for what cannot be read, too: nobody can tell how many lines are in it, and at least one is. */
async function unreadOf(segments: OpenSegments, file: SpoolFile): Promise<{ lines: number; bytes: number }> {
  try {
    return await (await segments.of(file)).unread();
  } catch (error) {
    if (error instanceof SegmentMoved) throw error;
    return { lines: 1, bytes: file.size };
  }
}
