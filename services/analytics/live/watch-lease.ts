import type { LiveStore } from '../store.ts';

interface LeaseOptions {
  readonly store: Pick<LiveStore, 'watch' | 'forgetLive'>;
  /** The holder of the lease: this process. */
  readonly watcher: string;
  /** The links watched in this process. */
  readonly watched: () => readonly string[];
  /** How long the store passes on clicks without a renewal. */
  readonly leaseMs: number;
  /** How long clicks that were passed on are kept. */
  readonly keepMs: number;
}

/** Keeps the store passing on the clicks of watched links. Times are from performance.now(). */
export interface WatchLease {
  /** Whether the lease may have expired, so that clicks may be missing. */
  isLate(now: number): boolean;
  /** Renews it if it is due. */
  renew(now: number): Promise<void>;
}

/** For links whose lease has just been requested from the store. */
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
