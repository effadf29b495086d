import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '#runtime/telemetry/log.ts';
import { observe } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { retainedFrom } from '../statistics/retained.ts';
import type { EraseStore, PartitionStore, SaltStore } from '../store.ts';

interface HousekeepingOptions {
  readonly store: SaltStore;
  readonly partitions: PartitionStore;
  readonly erasure: Pick<EraseStore, 'run'>;
  readonly log: Log;
  readonly partitionDaysAhead: number;
  readonly saltKeepDays: number;
  readonly retentionDays: number;
  readonly minutesRetentionDays: number;
  readonly saltsEveryMs?: number;
  readonly now?: () => number;
}

export interface Housekeeping {
  /** Destroys old salts, creates the partitions of the days ahead, drops the expired ones. */
  once(): Promise<void>;
  /**
   * Does so every ten minutes until stop, and carries out requested erasures; faults are logged and retried. Learns the salts every ten seconds,
   * and puts back those that a crash of Postgres has taken.
   */
  start(): void;
  stop(): void;
}

const dayMs = 86_400_000;
const everyMs = 600_000;
const afterFaultMs = 10_000;

export function createHousekeeping(options: HousekeepingOptions): Housekeeping {
  const { store, partitions, erasure, log, partitionDaysAhead, saltKeepDays, now = Date.now } = options;
  const { saltsEveryMs = 10_000 } = options;
  const stopping = new AbortController();
  let strays = 0;
  observe(metric.clickStrays, {}, () => strays);

  const makeDay = async (day: string): Promise<void> => {
    const outcome = await partitions.makeDay(day);
    if (outcome === 'made') log.info({ day }, 'partitions were made');
    if (outcome === 'moved') log.error({ day }, 'rows of a day without a partition were moved into one');
  };

  const once = async (): Promise<void> => {
    const today = now();
    // First, so that no other fault lets a salt live longer.
    const destroyed = await store.destroySaltsBefore(dayOf(today - saltKeepDays * dayMs));
    if (destroyed > 0) log.info({ destroyed }, 'visitor salts were destroyed');
    // A dump of the database may hold the table for hours, and nothing else should wait for that.
    await store
      .rewriteSalts()
      .catch((error: unknown) =>
        log.warn({ err: error }, 'destroyed salts still stand in their file; it is rewritten later'),
      );
    const found = await partitions.strays();
    strays = found.rows;
    // Yesterday as well: its last clicks may still arrive.
    for (let ahead = -1; ahead <= partitionDaysAhead; ahead++) await makeDay(dayOf(today + ahead * dayMs));
    for (const day of found.days) await makeDay(day);
    strays = (await partitions.strays()).rows;
    // A day later than what is read and accepted: another process's clock may be slow.
    const limits = {
      clicks: dayOf(retainedFrom(today - dayMs, options.retentionDays) / 1_000),
      minutes: dayOf(
        retainedFrom(today - dayMs, Math.min(options.minutesRetentionDays, options.retentionDays)) / 1_000,
      ),
    };
    const dropped = await partitions.dropBefore(limits, today);
    if (dropped > 0) log.info({ dropped }, 'partitions were dropped');
  };

  /** Separately, because a large link takes minutes and the rest must not wait for it. */
  const eraseAsked = async (): Promise<void> => {
    const erased = await erasure.run();
    if (erased.links + erased.workspaces > 0) log.info(erased, 'clicks were erased');
  };

  const run = async (): Promise<void> => {
    const { signal } = stopping;
    while (!signal.aborted) {
      let pauseMs = everyMs;
      void eraseAsked().catch((error: unknown) =>
        log.warn({ err: error }, 'not everything was erased; it is tried again'),
      );
      await once().catch((error: unknown) => {
        pauseMs = afterFaultMs;
        log.warn({ err: error }, 'the housekeeping failed; it is tried again');
      });
      await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => {});
    }
  };

  /** Soon after a crash: a process that does not know them, as after a restart, would make others for the first edge that asks it. */
  const keepSalts = async (): Promise<void> => {
    const { signal } = stopping;
    while (!signal.aborted) {
      // The housekeeping reports a Postgres that is away.
      await store.salts([]).catch(() => {});
      await sleep(saltsEveryMs, undefined, { signal, ref: false }).catch(() => {});
    }
  };

  return {
    once,
    start() {
      void run();
      void keepSalts();
    },
    stop: () => stopping.abort(),
  };
}

/** The UTC day of a moment in milliseconds since 1970, as 2026-01-31. */
export function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
