import { rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Log } from '#runtime/telemetry/log.ts';
import { listSpool, renamedAtMs, type SpoolFile, segmentName } from './spool-files.ts';

interface RotationOptions {
  readonly directory: string;
  /** Envoy's admin listener, for example http://127.0.0.1:9901. */
  readonly admin: string;
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  readonly log: Log;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

export interface Rotation {
  /** Starts a new segment when the active one is due; asks Envoy to open it until it has. Call it every second or so. */
  tick(at: number): Promise<void>;
}

const reopenTimeoutMs = 1_000;

/** A name for the newest segment: after those that are there, but for one whose name leaves no room after it, and like none of them. */
function freeName(files: readonly SpoolFile[], at: number): string {
  const names = new Set(files.map(({ path }) => basename(path)));
  const taken = files.flatMap(({ path }) => renamedAtMs(path) ?? []);
  let renamedAt = Math.max(at, ...taken.map((time) => time + 1));
  while (names.has(segmentName(renamedAt))) renamedAt++;
  return segmentName(renamedAt);
}

/**
 * Renames the active file. Envoy keeps writing to it under its new name until it is asked to reopen its logs, and creates the new file only
 * after it has written the last byte of the old one.
 */
export function createRotation(options: RotationOptions): Rotation {
  const { directory, admin, maxBytes, maxAgeMs, log, now = () => performance.now() } = options;
  let silent = false;
  let seen = { inode: '', sinceMs: 0 };

  /**
   * The greater of its age by birth time, which counts after a start, and the time since it was first seen, which holds if the clock was
   * set back.
   */
  const ageOf = ({ inode, bornAtMs }: SpoolFile, at: number): number => {
    if (seen.inode !== inode) seen = { inode, sinceMs: now() };
    return Math.max(at - bornAtMs, now() - seen.sinceMs);
  };

  const reopen = async (isAwaited = true): Promise<void> => {
    try {
      const signal = AbortSignal.timeout(reopenTimeoutMs);
      const response = await fetch(new URL('/reopen_logs', admin), { method: 'POST', signal });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`Envoy's admin answered ${response.status}.`);
      silent = false;
    } catch (error) {
      // If Envoy is not running, it creates the file when it starts.
      if (!isAwaited || silent) return;
      silent = true;
      log.warn({ err: error }, 'Envoy could not be asked to reopen its logs');
    }
  };

  return {
    async tick(at) {
      const files = listSpool(directory);
      const active = files.find((file) => file.active);
      // Even when no file is left: Envoy may still be writing to one that was renamed and has since been dropped.
      if (!active) return reopen(files.length > 0);
      const isEmpty = active.size === 0 && !active.fault;
      const due = active.size >= maxBytes || (!isEmpty && ageOf(active, at) >= maxAgeMs);
      if (!due) return;
      await rename(active.path, join(directory, freeName(files, at)));
      await reopen();
    },
  };
}
