import { unlink } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Acknowledged } from './cursor.ts';
import { type Chunk, openSegment, type Segment, SegmentCut, SegmentMoved } from './segment.ts';
import { activeName, inodeOf, listSpool, mostLooks, type SpoolFile } from './spool-files.ts';
import { type Dropped, type DropReason, type SpoolLimits, surplusOf } from './spool-quota.ts';
import { createSync } from './sync.ts';

/** Reads the spool from the oldest unacknowledged line on, across segments. */
export interface Spool {
  /** The next whole lines; undefined while there is none. Each line is answered once between two starts. */
  next(): Promise<Chunk | undefined>;
  /** Notes what Kafka has, and deletes the segments that it has whole. Answers what the cursor must hold. */
  acknowledge(ends: ReadonlyMap<Segment, number>): Promise<Acknowledged>;
  /** Deletes the segments that have become superfluous since: addresses stand in them. */
  tidy(): Promise<void>;
  /** Deletes whole segments, sent or not, until the rest is within the limits. Answers those that were not sent whole. */
  shed(limits: SpoolLimits, now: number): Promise<readonly Dropped[]>;
  /** Bytes that are not acknowledged. */
  lag(): Promise<number>;
  /** Puts on disk what Envoy has written so far. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export function openSpool(directory: string, found: Acknowledged): Spool {
  const acknowledged = new Map(found);
  const open = new Map<string, Segment>();
  const finished = new Set<Segment>();
  let reading: Segment | undefined;
  /** Read to its end, with nothing before it, when it was the one that Envoy writes. */
  let newest: Segment | undefined;

  const segmentOf = async (file: SpoolFile): Promise<Segment> => {
    const known = open.get(file.inode);
    if (known) {
      known.path = file.path;
      return known;
    }
    const segment = await openSegment(file.path, file.inode, (identity) => acknowledged.get(identity) ?? 0);
    open.set(file.inode, segment);
    return segment;
  };

  // A segment is over when it has been renamed and a later file exists: Envoy opens the new file only after it has
  // written the last byte of the old one. What then follows the last line is torn.
  const nextOf = async (files: readonly SpoolFile[]): Promise<Chunk | undefined> => {
    newest = undefined;
    for (const [index, file] of files.entries()) {
      if (finished.has(await segmentOf(file))) continue;
      reading = await segmentOf(file);
      const over = !file.active && index < files.length - 1;
      const chunk = await (over ? reading.readTorn() : reading.read());
      if (!chunk && file.active) newest = reading;
      if (chunk || !over) return chunk;
      finished.add(reading);
    }
    return undefined;
  };

  const nextListed = async (): Promise<Chunk | undefined> => {
    for (let look = 1; ; look++) {
      try {
        return await nextOf(await listSpool(directory));
      } catch (error) {
        if (!(error instanceof SegmentMoved) || look === mostLooks) throw error;
      }
    }
  };

  /** A look at one file tells that there is no later one: to list the directory costs ten times as much. */
  const isStillNewest = async (): Promise<boolean> =>
    newest !== undefined && newest.inode === (await inodeOf(directory, activeName));

  /** Of a deleted file. One that is read to its end may still be the one that is read: the next was renamed before it could be opened. */
  const letGo = async (segment: Segment): Promise<void> => {
    await segment.close();
    open.delete(segment.inode);
    finished.delete(segment);
    if (reading === segment) reading = undefined;
    if (newest === segment) newest = undefined;
  };

  const removeFinished = async (): Promise<void> => {
    if (finished.size === 0) return;
    for (const segment of finished) {
      const file = (await listSpool(directory)).find(({ inode }) => inode === segment.inode);
      const { identity } = segment;
      const end = identity === undefined ? 0 : (acknowledged.get(identity) ?? 0);
      if (file && file.size > segment.offset) {
        finished.delete(segment);
        newest = undefined;
      }
      if (file && (file.active || end < file.size)) continue;
      if (file) await unlink(file.path);
      await letGo(segment);
    }
    const left = await listSpool(directory);
    for (const identity of acknowledged.keys()) {
      if (!left.some(({ inode }) => identity.startsWith(`${inode}:`))) acknowledged.delete(identity);
    }
  };

  const drop = async (file: SpoolFile, reason: DropReason): Promise<Dropped> => {
    const segment = await segmentOf(file);
    const unread = await segment.unread();
    await unlink(file.path);
    await letGo(segment);
    if (segment.identity !== undefined) acknowledged.delete(segment.identity);
    return { segment: basename(file.path), reason, ...unread };
  };

  const shed = async (limits: SpoolLimits, now: number): Promise<Dropped[]> => {
    const dropped: Dropped[] = [];
    for (const { file, reason } of surplusOf(await listSpool(directory), limits, now)) {
      const one = await drop(file, reason);
      if (one.lines > 0) dropped.push(one);
    }
    return dropped;
  };

  // Reading and deleting must not meet: a file that was listed must still be there when it is opened.
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = turn.then(work);
    turn = result.catch(() => {});
    return result;
  };

  return {
    next: () =>
      inTurn(async () => {
        try {
          const chunk = await reading?.read();
          return chunk || (await isStillNewest()) ? chunk : await nextListed();
        } catch (error) {
          // It is opened anew, as another one: what is still to be acknowledged of the old one says nothing of it.
          if (error instanceof SegmentCut) await letGo(error.segment);
          throw error;
        }
      }),
    acknowledge: (ends) =>
      inTurn(async () => {
        for (const [segment, end] of ends) {
          const { identity, inode } = segment;
          // One that was dropped meanwhile is not kept in mind.
          if (identity !== undefined && open.get(inode) === segment) acknowledged.set(identity, end);
        }
        await removeFinished();
        return acknowledged;
      }),
    tidy: () => inTurn(removeFinished),
    shed: (limits, now) => inTurn(() => shed(limits, now)),
    async lag() {
      const files = await listSpool(directory);
      const behind = files.map(({ inode, size }) => {
        const identity = open.get(inode)?.identity;
        return Math.max(0, size - (identity === undefined ? 0 : (acknowledged.get(identity) ?? 0)));
      });
      return behind.reduce((sum, bytes) => sum + bytes, 0);
    },
    sync: createSync(directory, () => listSpool(directory)),
    async close() {
      for (const segment of open.values()) await segment.close();
      open.clear();
    },
  };
}
