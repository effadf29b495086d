import { basename } from 'node:path';
import type { Log } from '#runtime/telemetry/log.ts';
import { SegmentCut, SegmentMoved } from './segment.ts';
import type { SpoolFile } from './spool-files.ts';

type Named = Pick<SpoolFile, 'path' | 'inode'>;

/** Segments that the file system does not let us read. They stay where they are, are tried again, and keep no other from being read. */
export interface UnreadableSegments {
  /** Notes why one could not be read; rejects what says nothing of the segment itself. */
  note(file: Named, error: unknown): void;
  /** It is not to be tried again yet. */
  isResting(file: Named): boolean;
  /** It was read after all. */
  forget(file: Named): void;
  /** So are those that are not there any more. */
  forgetAllBut(files: readonly Named[]): void;
  readonly count: number;
}

const restMs = 10_000;
/** The process, not the file, has run out of something: no segment is worse than the others. */
const ofTheProcess: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN']);

export function createUnreadableSegments(log: Log, now: () => number): UnreadableSegments {
  /** By inode, until when each rests. */
  const segments = new Map<string, number>();
  return {
    note({ path, inode }, error) {
      if (error instanceof SegmentMoved || error instanceof SegmentCut || ofTheProcess.has(codeOf(error))) throw error;
      if (!segments.has(inode)) {
        const segment = basename(path);
        log.error(
          { err: error, segment },
          'a segment cannot be read; it is left where it is, and those after it are read',
        );
      }
      segments.set(inode, now() + restMs);
    },
    isResting: ({ inode }) => now() < (segments.get(inode) ?? Number.NEGATIVE_INFINITY),
    forget({ path, inode }) {
      if (segments.delete(inode)) log.info({ segment: basename(path) }, 'the segment can be read again');
    },
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
