import type { SpoolFile } from './spool-files.ts';

/** What the spool may hold, and for how long. */
export interface SpoolLimits {
  readonly maxBytes: number;
  /** Of a segment, from its making: addresses stand in it. */
  readonly maxAgeMs: number;
}

export type DropReason = 'quota' | 'age';

/** A segment that was deleted although Kafka had not all of it. */
export interface Dropped {
  readonly segment: string;
  readonly reason: DropReason;
  /** Lines that had not been read; those that had are on their way, and still sent. One where they cannot be counted. */
  readonly lines: number;
  readonly bytes: number;
}

/**
 * The segments that have to go, the oldest first: those that are too old, then as many as keep the rest within the quota.
 * What Envoy may still write to is never among those of the quota: its disk space would not come back.
 */
export function surplusOf(
  files: readonly SpoolFile[],
  { maxBytes, maxAgeMs }: SpoolLimits,
  now: number,
): { file: SpoolFile; reason: DropReason }[] {
  let bytes = files.reduce((sum, { size }) => sum + size, 0);
  const surplus: { file: SpoolFile; reason: DropReason }[] = [];
  for (const [index, file] of files.entries()) {
    const old = !file.active && now - file.bornAtMs > maxAgeMs;
    const over = bytes > maxBytes && index < files.length - 1;
    if (!old && !over) continue;
    surplus.push({ file, reason: old ? 'age' : 'quota' });
    bytes -= file.size;
  }
  return surplus;
}
