import { access, constants, statfs } from 'node:fs/promises';
import type { Log } from '#runtime/telemetry/log.ts';
import { counter, observe } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { pause } from '#runtime/time/pause.ts';
import { createAgeClock } from './age-clock.ts';
import { createOutageClock } from './outage-clock.ts';
import type { Rotation } from './rotation.ts';
import type { Spool } from './spool.ts';
import type { SpoolLimits } from './spool-quota.ts';

interface CareOptions {
  readonly directory: string;
  readonly spool: Pick<Spool, 'sync' | 'tidy' | 'shed' | 'unreadForMs' | 'unreadable' | 'undeletable' | 'lag'>;
  readonly rotation: Rotation;
  readonly limits: SpoolLimits;
  /** With less free disk space than this the spool is unhealthy. */
  readonly minFreeBytes: number;
  /** 0: never. */
  readonly syncMs: number;
  readonly log: Log;
  /** Milliseconds since 1970, for the age of a segment. */
  readonly wallClock?: () => number;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

export interface SpoolCare {
  /** Syncs, rotates, enforces the limits and tidies up, once a second until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
  /** One round of that. */
  once(): Promise<void>;
  /** Rejects when clicks cannot be written, any cannot be read or deleted, or some were dropped in the last ten minutes. */
  check(): Promise<void>;
}

const everyMs = 1_000;
/** A failed attempt to list or read the spool is repeated after a second: a single one is not worth an alarm. */
const patienceMs = 5_000;
/** How long the spool stays unhealthy after clicks were dropped. */
const remorseMs = 600_000;
const clicksDropped = counter(metric.clicksDropped);

export function createSpoolCare(options: CareOptions): SpoolCare {
  const { directory, spool, rotation, limits, minFreeBytes, syncMs, log } = options;
  const { wallClock = Date.now, now = () => performance.now() } = options;
  const listing = createOutageClock(now);
  const ageClock = createAgeClock({ wallClock, now });
  let lag = 0;
  let free = 0;
  let syncedAt = Number.NEGATIVE_INFINITY;
  let droppedAt = Number.NEGATIVE_INFINITY;
  observe(metric.spoolBytes, {}, () => lag);
  observe(metric.spoolCapacity, {}, () => limits.maxBytes);
  observe(metric.spoolUnreadable, {}, spool.unreadable);
  observe(metric.spoolUndeletable, {}, spool.undeletable);
  observe(metric.spoolDiskFree, {}, () => free);

  const shed = async (): Promise<void> => {
    for (const dropped of await spool.shed(limits, ageClock())) {
      clicksDropped.add(dropped.lines, { reason: dropped.reason });
      log.error(dropped, 'clicks were dropped unsent: the spool is over its limit');
      droppedAt = now();
    }
  };

  const sync = async (): Promise<void> => {
    if (syncMs === 0 || now() - syncedAt < syncMs) return;
    syncedAt = now();
    await spool.sync();
  };

  const measureLag = async (): Promise<void> => {
    lag = await listing.attempt(spool.lag);
  };

  const measureDisk = async (): Promise<void> => {
    const { bavail, bsize } = await statfs(directory);
    free = bavail * bsize;
  };

  /** A failed step does not keep the others from running, least of all the one that enforces the limits. */
  const attempt = async (work: () => Promise<void>, whatFailed: string): Promise<void> => {
    await work().catch((error: unknown) => log.error({ err: error }, whatFailed));
  };

  const once = async (): Promise<void> => {
    await attempt(sync, 'the spool could not be synced');
    await attempt(() => rotation.tick(wallClock()), 'the spool could not be rotated');
    await attempt(spool.tidy, 'what Kafka has could not be deleted from the spool');
    await attempt(shed, 'the spool could not be kept within its limits');
    await attempt(measureLag, 'the spool could not be measured');
    await attempt(measureDisk, 'the disk of the spool could not be measured');
  };

  return {
    once,
    async run(signal) {
      while (!signal.aborted) {
        await once();
        await pause(everyMs, signal);
      }
    },
    async check() {
      await access(directory, constants.R_OK | constants.W_OK);
      const { bavail, bsize } = await statfs(directory);
      if (bavail * bsize < minFreeBytes) throw new Error('The disk of the spool is full, or nearly so.');
      if (listing.outageMs() >= patienceMs) throw new Error('The spool cannot be listed.');
      if (spool.unreadForMs() >= patienceMs) throw new Error('The spool cannot be read.');
      if (spool.unreadable() > 0) throw new Error('A segment of the spool cannot be read.');
      if (spool.undeletable() > 0) throw new Error('A segment of the spool cannot be deleted.');
      if (now() - droppedAt < remorseMs) throw new Error('Clicks were dropped in the last ten minutes.');
    },
  };
}
