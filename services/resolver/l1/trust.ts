import type { CachedLink } from '../cached-link.ts';
import type { Freshness } from '../watch/freshness.ts';

export interface TrustOptions {
  readonly freshness: Freshness;
  /** How long a record is trusted while Watch is live, in milliseconds. */
  readonly trustMs: number;
  /** How long it is trusted after a confirmation while Watch is not live, in milliseconds. */
  readonly lapseMs: number;
  /** How old a record may be that is served because no store answers, in milliseconds. */
  readonly staleMs: number;
  /** From 0 to 1; spreads the expiry of records that arrived together. */
  readonly random: () => number;
}

/** When a record was confirmed, by the process's clock, and in which epoch of Watch. */
export interface Confirmation {
  readonly at: number;
  readonly epoch: number;
}

/** How long a cached record may be served without asking a store. */
export interface Trust {
  confirm(entry: CachedLink, confirmation: Confirmation): void;
  /** Whether it may be served as it is. */
  trusted(entry: CachedLink, now: number): boolean;
  /** Whether it may be served, flagged as stale, while no store answers. */
  servableStale(entry: CachedLink, now: number): boolean;
}

export function createTrust({ freshness, trustMs, lapseMs, staleMs, random }: TrustOptions): Trust {
  return {
    confirm(entry, { at, epoch }) {
      entry.checkedAt = at;
      entry.epoch = epoch;
      entry.trustMs = freshness.covers(at) ? trustMs * (0.9 + 0.1 * random()) : lapseMs;
    },
    trusted(entry, now) {
      const limit = entry.epoch === freshness.epoch && freshness.live(now) ? entry.trustMs : lapseMs;
      return now - entry.checkedAt < limit;
    },
    servableStale: (entry, now) => now - entry.checkedAt < staleMs,
  };
}
