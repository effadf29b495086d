import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '#runtime/telemetry/log.ts';
import type { StoredChange } from '../changes/change-log.ts';
import type { CacheWriters } from './cache-writer.ts';

/** The relay's operations on the cache. Each is retried until it succeeds or the signal aborts, because the cache must miss no change. */
export interface RetriedWrites {
  write(changes: readonly StoredChange[], signal: AbortSignal): Promise<void>;
  forgetAll(signal: AbortSignal): Promise<void>;
  /** How far the cache has been written, according to itself; undefined if it does not say, as after it was emptied. */
  readPlace(signal: AbortSignal): Promise<number | undefined>;
  /** When the oldest change being written was made, in milliseconds since 1970; undefined if none is being written. */
  readonly owedSince: number | undefined;
}

const longestPauseMs = 1_000;
/** How many writes are in flight at once. */
const writesAtOnce = 200;

export function createRetriedWrites(
  cache: Pick<CacheWriters, 'writeOwed' | 'forgetAll' | 'place'>,
  log: Log,
): RetriedWrites {
  let owedSince: number | undefined;

  async function retry(what: string, attempt: () => Promise<void>, signal: AbortSignal): Promise<void> {
    for (let pauseMs = 20; !signal.aborted; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        return await attempt();
      } catch (error) {
        log.debug({ err: error }, `${what} has to be tried again`);
        await sleep(pauseMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  return {
    async write(changes, signal) {
      for (let start = 0; start < changes.length; start += writesAtOnce) {
        const some = changes.slice(start, start + writesAtOnce);
        owedSince = some[0]?.changedAt.getTime();
        const writeSome = async (): Promise<void> => {
          await Promise.all(some.map(({ record, previousCode }) => cache.writeOwed(record, previousCode)));
        };
        await retry('a write to the cache', writeSome, signal);
      }
      owedSince = undefined;
    },
    forgetAll: (signal) => retry('forgetting the cache', cache.forgetAll, signal),
    async readPlace(signal) {
      let place: number | undefined;
      const read = async (): Promise<void> => {
        place = await cache.place.read();
      };
      await retry('reading the place of the cache', read, signal);
      return place;
    },
    get owedSince() {
      return owedSince;
    },
  };
}
