import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '#runtime/telemetry/log.ts';
import { observe } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { type ChangeCursor, readCursor, writeCursor } from '../changes/change-cursor.ts';
import type { ChangeFeed } from '../changes/change-feed.ts';
import type { ChangeLog, Leadership, StoredChange } from '../changes/change-log.ts';
import type { WatchEvent } from '../changes/subscription.ts';
import type { CacheWriters } from './cache-writer.ts';
import { createRetriedWrites } from './retried-writes.ts';

/** Carries every committed change to the cache, in one process at a time. */
export interface Relay {
  stop(): Promise<void>;
}

export interface RelaySettings {
  readonly changeLog: ChangeLog;
  readonly feed: ChangeFeed;
  readonly cache: Pick<CacheWriters, 'writeOwed' | 'forgetAll' | 'place'>;
  readonly log: Log;
  /** How often the cursor is saved at most. */
  readonly saveEveryMs?: number;
}

export function startRelay({ changeLog, feed, cache, log, saveEveryMs = 1_000 }: RelaySettings): Relay {
  const stopping = new AbortController();
  const writes = createRetriedWrites(cache, log);
  /**
   * How far this process has brought the cache, over one connection to it. While that cannot be saved, as when commits wait for a replica,
   * it continues from here: from the saved place it would empty again a cache that it has just emptied.
   */
  let reached: { readonly cursor: string; readonly connections: number } | undefined;
  const unobserve = observe(metric.relayLag, {}, () =>
    writes.owedSince === undefined ? 0 : (Date.now() - writes.owedSince) / 1_000,
  );

  async function beginAnew(reason: string, signal: AbortSignal): Promise<void> {
    log.warn({ reason }, 'the cache begins anew');
    await writes.forgetAll(signal);
  }

  /** The place in the cache itself; everything starts over when that is behind what was saved as written. An emptied cache has none. */
  async function placeOfCache(saved: string, signal: AbortSignal): Promise<number | undefined> {
    const place = await writes.readPlace(signal);
    const savedAtMs = readCursor(saved)?.readAtMs ?? Number.NEGATIVE_INFINITY;
    const isBehind = (place ?? Number.POSITIVE_INFINITY) < savedAtMs;
    if (isBehind && !signal.aborted) await beginAnew('The cache has lost what was written to it.', signal);
    return place;
  }

  /** Ends when the cache is another one, or has gone back in time: everything after the saved cursor is owed again. */
  async function relay(signal: AbortSignal): Promise<void> {
    const { connections } = cache.place;
    const isSame = (): boolean => cache.place.connections === connections;
    const from = reached?.connections === connections ? reached.cursor : ((await changeLog.relayCursor()) ?? '');
    let place = await placeOfCache(from, signal);
    let savedAt = Number.NEGATIVE_INFINITY;

    /** First in the cache, then in the database: a process that knows of the second can check the first. */
    async function save(cursor: ChangeCursor): Promise<boolean> {
      if (!isSame()) return false;
      if (performance.now() - savedAt < saveEveryMs) return true;
      if (!(await cache.place.move(place, cursor.readAtMs)) || !isSame()) return false;
      place = cursor.readAtMs;
      reached = { cursor: writeCursor(cursor), connections };
      await changeLog.saveRelayCursor(reached.cursor);
      savedAt = performance.now();
      return true;
    }

    for await (const events of feed.subscribe(from, signal)) {
      for (const event of events) if (event.type === 'resynchronise') await beginAnew(event.reason, signal);
      await writes.write(changesOf(events), signal);
      const told = events.findLast((event) => event.type === 'heartbeat' || event.type === 'caught_up');
      if (told && !signal.aborted && !(await save(told.cursor))) return;
    }
  }

  async function lead(leadership: Leadership): Promise<void> {
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, stopping.signal]);
    void leadership.lost.then(() => over.abort());
    reached = undefined;
    log.info('this process relays changes to the cache');
    while (!signal.aborted) {
      await relay(signal).catch((error: unknown) => log.warn({ err: error }, 'the relay resumes'));
      await sleep(100, undefined, { signal }).catch(() => {});
    }
    leadership.release();
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const leadership = await changeLog.leadRelay(stopping.signal);
      if (leadership) await lead(leadership);
    }
  }

  const running = run();
  return {
    async stop() {
      stopping.abort();
      unobserve();
      await running;
    },
  };
}

function changesOf(events: readonly WatchEvent[]): StoredChange[] {
  return events.flatMap((event) => (event.type === 'change' ? [event.change] : []));
}
