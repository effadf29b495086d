import type { LiveStore } from '../store.ts';

interface LeaseOptions {
  readonly store: Pick<LiveStore, 'watch' | 'forgetLive'>;
  /** For whom it is: this process. */
  readonly watcher: string;
  /** The links that are watched here. */
  readonly watched: () => readonly string[];
  /** How long the store hands clicks on without being asked again. */
  readonly leaseMs: number;
  /** How long handed on clicks are kept. */
  readonly keepMs: number;
}

/** What keeps the store handing on the clicks of watched links. Times are of performance.now(). */
export interface WatchLease {
  /** True once it may have lapsed: clicks may have been left out unsaid. */
  isLate(now: number): boolean;
  /** Asks again where it is time to. */
  renew(now: number): Promise<void>;
}

/** For links that the store has just been asked to hand on. */
export function createWatchLease({ store, watcher, watched, leaseMs, keepMs }: LeaseOptions): WatchLease {
  let renewedAt = performance.now();
  return {
    isLate: (now) => now - renewedAt > (leaseMs * 2) / 3,
    async renew(now) {
      if (now - renewedAt <= leaseMs / 6) return;
      await store.watch(watcher, watched(), leaseMs);
      await store.forgetLive(keepMs);
      renewedAt = now;
    },
  };
}
