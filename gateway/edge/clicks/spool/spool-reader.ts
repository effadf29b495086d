import type { OpenSegments } from './open-segments.ts';
import { type Chunk, type Segment, SegmentCut, SegmentMoved } from './segment.ts';
import type { SegmentFaults } from './segment-faults.ts';
import { activeInode, listSpool, mostLooks, type SpoolFile } from './spool-files.ts';

/** Where reading stands among the segments. */
export interface SpoolReader {
  /** The next whole lines; undefined while there is none. Rejects with SegmentCut when a file was cut short, and reads it anew then. */
  next(): Promise<Chunk | undefined>;
  /** Segments that were read to their ends after they were over. */
  readonly finished: ReadonlySet<Segment>;
  /** Of a finished one there is more to read. */
  resume(segment: Segment): void;
  /** Closes a segment whose file was deleted. It may still be the one that is read: the next was renamed before it could be opened. */
  letGo(segment: Segment): Promise<void>;
}

export function createSpoolReader(directory: string, segments: OpenSegments, unreadable: SegmentFaults): SpoolReader {
  const finished = new Set<Segment>();
  let reading: Segment | undefined;
  /** Read to its end, with nothing before it, when it was the one that Envoy writes. */
  let newest: Segment | undefined;

  // A segment is over when it has been renamed and a later file exists: Envoy opens the new file only after it has
  // written the last byte of the old one. What then follows the last line is torn.
  async function nextOf(files: readonly SpoolFile[]): Promise<Chunk | undefined> {
    newest = undefined;
    unreadable.forgetAllBut(files);
    for (const [index, file] of files.entries()) {
      if (unreadable.isResting(file)) continue;
      const over = !file.active && index < files.length - 1;
      const chunk = await nextOfOne(file, over).catch((error: unknown) => setAside(file, error));
      if (chunk) return chunk;
    }
    return undefined;
  }

  async function nextOfOne(file: SpoolFile, over: boolean): Promise<Chunk | undefined> {
    if (file.fault) throw file.fault;
    const segment = await segments.of(file);
    if (finished.has(segment)) return undefined;
    reading = segment;
    const chunk = await (over ? segment.readTorn() : segment.read());
    unreadable.forget(file);
    if (!chunk && over) finished.add(segment);
    if (!chunk && file.active && unreadable.count === 0) newest = segment;
    return chunk;
  }

  async function setAside(file: Pick<SpoolFile, 'path' | 'inode'>, error: unknown): Promise<undefined> {
    unreadable.note(file, error);
    const segment = segments.opened(file.inode);
    if (!segment) return;
    leave(segment);
    // Opened anew when it is tried again: a handle on a disk that went away is of no use when the disk is back.
    await segment.close();
  }

  async function readOn(): Promise<Chunk | undefined> {
    const segment = reading;
    return segment?.read().catch((error: unknown) => setAside(segment, error));
  }

  async function nextListed(): Promise<Chunk | undefined> {
    for (let look = 1; ; look++) {
      try {
        return await nextOf(listSpool(directory));
      } catch (error) {
        if (!(error instanceof SegmentMoved) || look === mostLooks) throw error;
      }
    }
  }

  /** A look at one file tells that there is no later one: to list the directory costs several times as much. */
  const isStillNewest = (): boolean => newest !== undefined && newest.inode === activeInode(directory);

  function leave(segment: Segment): void {
    if (reading === segment) reading = undefined;
    if (newest === segment) newest = undefined;
  }

  async function letGo(segment: Segment): Promise<void> {
    finished.delete(segment);
    leave(segment);
    await segments.close(segment);
  }

  return {
    finished,
    letGo,
    async next() {
      try {
        const chunk = await readOn();
        return chunk || isStillNewest() ? chunk : await nextListed();
      } catch (error) {
        // It is opened anew, as another one: what is still to be acknowledged of the old one says nothing of it.
        if (error instanceof SegmentCut) await letGo(error.segment);
        throw error;
      }
    },
    resume(segment) {
      finished.delete(segment);
      newest = undefined;
    },
  };
}
