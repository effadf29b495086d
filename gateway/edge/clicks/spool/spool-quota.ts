import { leftByEnvoy, type SpoolFile } from './spool-files.ts';

/** What the spool may hold, and for how long. */
export interface SpoolLimits {
  readonly maxBytes: number;
  /** The longest age of a segment since its creation: it holds addresses. */
  readonly maxAgeMs: number;
}

export type DropReason = 'quota' | 'age';

/** A segment that was deleted before Kafka had all of it. */
export interface Dropped {
  readonly segment: string;
  readonly reason: DropReason;
  /** Lines that had not been read; those that had are still sent. 1 where they cannot be counted. */
  readonly lines: number;
  readonly bytes: number;
}

/**
 * The segments to delete, oldest first: those that are too old, then as many as it takes to bring the rest within the quota. The quota
 * never takes one that Envoy may still be writing to: its disk space would not be freed.
 */
export function surplusOf(
  files: readonly SpoolFile[],
  { maxBytes, maxAgeMs }: SpoolLimits,
  now: number,
): { file: SpoolFile; reason: DropReason }[] {
  let bytes = files.reduce((sum, { size }) => sum + size, 0);
  const surplus: { file: SpoolFile; reason: DropReason }[] = [];
  const left = leftByEnvoy(files);
  for (const file of files) {
    const old = !file.active && now - file.bornAtMs > maxAgeMs;
    const over = bytes > maxBytes && left.has(file);
    if (!old && !over) continue;
    surplus.push({ file, reason: old ? 'age' : 'quota' });
    bytes -= file.size;
  }
  return surplus;
}
