import type { Acknowledged } from './cursor.ts';
import { openSegment, type Segment } from './segment.ts';
import type { SpoolFile } from './spool-files.ts';

/** The open segments, and how much of each segment, open or not, Kafka has. */
export interface OpenSegments {
  /** The segment of a listed file, opened if need be. Rejects with SegmentMoved when the file is no longer there. */
  of(file: SpoolFile): Promise<Segment>;
  /** The open segment whose file has this inode. */
  opened(inode: string): Segment | undefined;
  close(segment: Segment): Promise<void>;
  closeAll(): Promise<void>;
  acknowledge(ends: ReadonlyMap<Segment, number>): void;
  /** How many bytes of a segment Kafka has. */
  acknowledgedOf(segment: Segment): number;
  /** How many bytes of a file Kafka does not have. */
  unacknowledgedOf(file: SpoolFile): number;
  /** Drops the acknowledged offset of a segment that no longer exists. */
  forget(segment: Segment): void;
  /** Drops those of all but these files; of none while a listed file could not be inspected, since any segment may be that one. */
  forgetAllBut(files: readonly SpoolFile[]): void;
  /** What the cursor must hold. */
  readonly acknowledged: Acknowledged;
}

export function createOpenSegments(found: Acknowledged): OpenSegments {
  const acknowledged = new Map(found);
  const open = new Map<string, Segment>();

  const acknowledgedOf = (segment: Segment | undefined): number =>
    segment?.identity === undefined ? 0 : (acknowledged.get(segment.identity) ?? 0);

  return {
    acknowledged,
    acknowledgedOf,
    async of({ path, inode }) {
      const known = open.get(inode);
      if (known) {
        known.path = path;
        return known;
      }
      const segment = await openSegment(path, inode, (identity) => acknowledged.get(identity) ?? 0);
      open.set(inode, segment);
      return segment;
    },
    opened: (inode) => open.get(inode),
    async close(segment) {
      open.delete(segment.inode);
      await segment.close();
    },
    async closeAll() {
      for (const segment of open.values()) await segment.close();
      open.clear();
    },
    acknowledge(ends) {
      for (const [segment, end] of ends) {
        const { identity, inode } = segment;
        // A segment that was dropped meanwhile is not recorded.
        if (identity !== undefined && open.get(inode) === segment) acknowledged.set(identity, end);
      }
    },
    unacknowledgedOf: ({ inode, size }) => Math.max(0, size - acknowledgedOf(open.get(inode))),
    forget({ identity }) {
      if (identity !== undefined) acknowledged.delete(identity);
    },
    forgetAllBut(files) {
      if (files.some(({ fault }) => fault)) return;
      for (const identity of acknowledged.keys()) {
        if (!files.some(({ inode }) => identity.startsWith(`${inode}:`))) acknowledged.delete(identity);
      }
    },
  };
}
