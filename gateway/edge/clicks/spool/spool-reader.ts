import type { OpenSegments } from './open-segments.ts';
import { type Chunk, type Segment, SegmentCut, SegmentMoved } from './segment.ts';
import type { SegmentFaults } from './segment-faults.ts';
import { activeInode, leftByEnvoy, listSpool, mostLooks, type SpoolFile } from './spool-files.ts';

/** The reading position among the segments. */
export interface SpoolReader {
  /** The next complete lines; undefined while there are none. Rejects with SegmentCut when a file was truncated, and then reads it anew. */
  next(): Promise<Chunk | undefined>;
  /** Segments that were read to their ends after Envoy had left them. */
  readonly finished: ReadonlySet<Segment>;
  /** A finished segment has more to read. */
  resume(segment: Segment): void;
  /** Closes a segment whose file was deleted. It may be the current one, if the next file was renamed before it could be opened. */
  letGo(segment: Segment): Promise<void>;
}

export function createSpoolReader(directory: string, segments: OpenSegments, unreadable: SegmentFaults): SpoolReader {
  const finished = new Set<Segment>();
  let reading: Segment | undefined;
  /** The active segment, if it and all before it have been read to the end. */
  let newest: Segment | undefined;

  // A segment is complete when Envoy has opened a later one. What then follows the last newline is torn.
  async function nextOf(files: readonly SpoolFile[]): Promise<Chunk | undefined> {
    newest = undefined;
    unreadable.forgetAllBut(files);
    const left = leftByEnvoy(files);
    for (const file of files) {
      if (unreadable.isResting(file)) continue;
      const chunk = await nextOfOne(file, left.has(file)).catch((error: unknown) => setAside(file, error));
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
    // Reopened for the next try: a handle on a disk that went away is useless when the disk is back.
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

  /** Inspecting one file tells that there is no later one: listing the directory costs several times as much. */
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
        // Reopened as a new segment: acknowledgements still to come for the old one do not apply to it.
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
