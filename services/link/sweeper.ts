import type { Log } from '#runtime/telemetry/log.ts';
import { pause } from '#runtime/time/pause.ts';
import type { ChangeLog } from './changes/change-log.ts';
import type { LinkStore } from './store.ts';

/** Does what becomes due with time: marks expired links, and deletes rows that are no longer needed. Safe in many processes at once. */
export interface Sweeper {
  stop(): Promise<void>;
}

export interface SweeperSettings {
  readonly store: Pick<LinkStore, 'expireLinks' | 'sweepIdempotencyKeys'>;
  readonly changeLog: Pick<ChangeLog, 'prune'>;
  /** Purges at most this many links and returns how many it purged. May take long: it waits for analytics. */
  readonly purge: (limit: number, signal: AbortSignal) => Promise<number>;
  readonly log: Log;
  /** How often expired links are looked for. */
  readonly everyMs: number;
  /** How long changes are kept for watchers that reconnect. */
  readonly retentionMs: number;
}

/** A sweep ends after this many batches; the next sweep continues. */
const mostBatches = 20;
/** Fewer for expired links: a redirect is right without the mark, and each mark is a change that every resolver and edge receives. */
const mostEndedBatches = 2;
/** Housekeeping runs this many times less often. */
const housekeepingEvery = 60;

export function startSweeper({ store, changeLog, purge, log, everyMs, retentionMs }: SweeperSettings): Sweeper {
  const stopping = new AbortController();
  const { signal } = stopping;

  async function exhaust(
    what: string,
    batch: number,
    sweep: (limit: number) => Promise<number>,
    most = mostBatches,
  ): Promise<void> {
    try {
      for (let left = most; left > 0 && !signal.aborted; left--) if ((await sweep(batch)) < batch) return;
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, `${what} will be tried again`);
    }
  }

  async function repeat(pauseMs: number, sweep: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      await sweep();
      await pause(pauseMs * (0.9 + Math.random() * 0.2), signal);
    }
  }

  async function keepHouse(): Promise<void> {
    await exhaust('sweeping idempotency keys', 5_000, (limit) => store.sweepIdempotencyKeys(limit));
    await exhaust('pruning changes', 5_000, (limit) => changeLog.prune(retentionMs, limit));
  }

  // Each in its own loop: slow work must not delay marking expired links.
  const running = Promise.all([
    repeat(everyMs, () =>
      exhaust('marking links that ended', 500, (limit) => store.expireLinks(limit), mostEndedBatches),
    ),
    repeat(everyMs * housekeepingEvery, keepHouse),
    repeat(everyMs * housekeepingEvery, () => exhaust('purging deleted links', 100, (limit) => purge(limit, signal))),
  ]);
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
