import { basename } from 'node:path';
import type { Log } from '#runtime/telemetry/log.ts';
import { SegmentCut, SegmentMoved } from './segment.ts';
import type { SpoolFile } from './spool-files.ts';

type Named = Pick<SpoolFile, 'path' | 'inode'>;

/**
 * Segments with which the file system does not let us do one thing: to read them, or to delete them. It is tried again, ever less often,
 * and they keep no other waiting.
 */
export interface SegmentFaults {
  /** Notes why it could not be done with one; rejects what says nothing of the segment itself. */
  note(file: Named, error: unknown): void;
  /** It is not to be tried again yet. */
  isResting(file: Named): boolean;
  /** It was done after all. */
  forget(file: Named): void;
  /** It is deleted: another file may get its inode. */
  leave(file: Named): void;
  /** So are those that are not there any more. */
  forgetAllBut(files: readonly Named[]): void;
  readonly count: number;
}

/** What the log says of the first failure with a segment, and of its end. */
interface Said {
  readonly failed: string;
  readonly mended: string;
}

/** To look at a damaged place may keep a disk busy for seconds. So the rest doubles with each failure in a row, up to the longest. */
const rest = { firstMs: 10_000, longestMs: 300_000 } as const;
/** The process, not the file, has run out of something: no segment is worse than the others. */
const ofTheProcess: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN']);

export function createSegmentFaults(said: Said, log: Log, now: () => number): SegmentFaults {
  /** By inode. */
  const segments = new Map<string, { readonly restMs: number; readonly until: number }>();
  return {
    note({ path, inode }, error) {
      if (error instanceof SegmentMoved || error instanceof SegmentCut || ofTheProcess.has(codeOf(error))) throw error;
      const before = segments.get(inode);
      if (!before) log.error({ err: error, segment: basename(path) }, said.failed);
      const restMs = before ? Math.min(rest.longestMs, 2 * before.restMs) : rest.firstMs;
      segments.set(inode, { restMs, until: now() + restMs });
    },
    isResting: ({ inode }) => now() < (segments.get(inode)?.until ?? Number.NEGATIVE_INFINITY),
    forget({ path, inode }) {
      if (segments.delete(inode)) log.info({ segment: basename(path) }, said.mended);
    },
    leave: ({ inode }) => void segments.delete(inode),
    forgetAllBut(files) {
      for (const inode of segments.keys()) if (!files.some((file) => file.inode === inode)) segments.delete(inode);
    },
    get count() {
      return segments.size;
    },
  };
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
