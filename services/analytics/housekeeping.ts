import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '#runtime/telemetry/log.ts';
import type { PartitionStore, SaltStore } from './store.ts';

interface HousekeepingOptions {
  readonly store: PartitionStore & SaltStore;
  readonly log: Log;
  readonly partitionDaysAhead: number;
  readonly saltKeepDays: number;
  readonly now?: () => number;
}

export interface Housekeeping {
  /** Makes the partitions of the days ahead and destroys the salts that are over. */
  once(): Promise<void>;
  /** Does so every ten minutes until stop; a fault is logged and tried again sooner. */
  start(): void;
  stop(): void;
}

const dayMs = 86_400_000;
const everyMs = 600_000;
const afterFaultMs = 10_000;

export function createHousekeeping(options: HousekeepingOptions): Housekeeping {
  const { store, log, partitionDaysAhead, saltKeepDays, now = Date.now } = options;
  const stopping = new AbortController();

  const once = async (): Promise<void> => {
    const today = now();
    // Yesterday as well: its last clicks are still on their way.
    for (let ahead = -1; ahead <= partitionDaysAhead; ahead++) {
      const day = dayOf(today + ahead * dayMs);
      const outcome = await store.makeDay(day);
      if (outcome === 'made') log.info({ day }, 'partitions were made');
      if (outcome === 'blocked') log.error({ day }, 'the default partition has rows of a day that has no partition');
    }
    const destroyed = await store.destroySaltsBefore(dayOf(today - saltKeepDays * dayMs));
    if (destroyed > 0) log.info({ destroyed }, 'visitor salts were destroyed');
  };

  const run = async (): Promise<void> => {
    const { signal } = stopping;
    while (!signal.aborted) {
      let pauseMs = everyMs;
      await once().catch((error: unknown) => {
        pauseMs = afterFaultMs;
        log.warn({ err: error }, 'the housekeeping failed; it is tried again');
      });
      await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => {});
    }
  };

  return {
    once,
    start: () => void run(),
    stop: () => stopping.abort(),
  };
}

/** The UTC day of a moment in milliseconds since 1970, as 2026-01-31. */
export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
