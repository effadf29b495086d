import { basename } from 'node:path';
import type { Log } from '#runtime/telemetry/log.ts';
import { SegmentCut, SegmentMoved } from './segment.ts';
import type { SpoolFile } from './spool-files.ts';

type Named = Pick<SpoolFile, 'path' | 'inode'>;

/**
 * Segments on which one operation, reading or deleting, fails with an error of the file system. It is retried with growing pauses, and the
 * other segments do not wait for it.
 */
export interface SegmentFaults {
  /** Records why the operation failed; rethrows an error that is not about the segment itself. */
  note(file: Named, error: unknown): void;
  /** Whether it is too early to retry. */
  isResting(file: Named): boolean;
  /** The operation has succeeded after all. */
  forget(file: Named): void;
  /** The segment is deleted: another file may get its inode. */
  leave(file: Named): void;
  /** Forgets all segments but these, because they no longer exist. */
  forgetAllBut(files: readonly Named[]): void;
  readonly count: number;
}

/** What is logged on the first failure with a segment, and on recovery. */
interface Said {
  readonly failed: string;
  readonly mended: string;
}

/** Reading a damaged sector may keep a disk busy for seconds, so the pause doubles with each failure in a row, up to the longest. */
const rest = { firstMs: 10_000, longestMs: 300_000 } as const;
/** The process has run out of a resource: no fault of this segment. */
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
