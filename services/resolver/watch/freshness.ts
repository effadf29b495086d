import { createWatchAge } from '#runtime/watch/watch-age.ts';

/** Milliseconds of a monotonic clock. */
export type Clock = () => number;

export interface FreshnessOptions {
  readonly now: Clock;
  /** The greatest age of what Watch has reported at which Watch still counts as live. */
  readonly lapseMs: number;
  /** No replica lags further behind the primary than this. */
  readonly replicaLagMs: number;
}

/**
 * How far this process's data can be trusted. An unbroken run of changes, without a gap between streams, is an epoch: a record that was
 * read in it and not changed since is current as long as Watch is live.
 */
export interface Freshness {
  readonly epoch: number;
  /**
   * Every change committed up to readAtMs (the database's clock, milliseconds since 1970) has been applied, and every one up to
   * cachedUntilMs is in Redis; undefined: unknown. Returns false when only another stream can tell how old that is.
   */
  heartbeat(readAtMs: number, cachedUntilMs?: number): boolean;
  /** Another stream is being requested; all later heartbeats come from it. */
  connected(): void;
  /** Changes may have been missed; the next heartbeat begins a new epoch. */
  gap(): void;
  live(now: number): boolean;
  /** Whether this time is in the present epoch, so that every change since then has been or will be received. */
  covers(at: number): boolean;
  /**
   * True while an entry of Redis can be checked: the changes that it may lack, because they have yet to reach Redis, were received, and not
   * so long ago that they were forgotten.
   */
  cached(): boolean;
  /** The time up to which every change is known to be in Redis, by the database's clock; -Infinity: unknown. */
  readonly cachedUntilMs: number;
  /** How many milliseconds Redis is behind the latest report; counted from the beginning of the epoch if that is unknown. */
  readonly cacheLagMs: number;
  /** True once a lagging replica can no longer show a row from before the epoch. */
  settled(now: number): boolean;
  /** The time up to which all changes have been reported, at least; -Infinity while unknown. */
  readonly asOf: number;
  /**
   * Milliseconds since the primary was read for the newest heartbeat, at most; infinite before the second one of the first stream, and of
   * the first one after a gap.
   */
  ageMs(now: number): number;
  /** What the database's clock shows by now, at least; -Infinity while unknown. */
  primaryMs(): number;
}

export function createFreshness({ now, lapseMs, replicaLagMs }: FreshnessOptions): Freshness {
  const age = createWatchAge(now);
  let epoch = 0;
  let since = Number.POSITIVE_INFINITY;
  /** By the database's clock: the first heartbeat of the epoch, the newest, and how far Redis has got. */
  const told = { first: Number.POSITIVE_INFINITY, newest: 0, cached: Number.NEGATIVE_INFINITY };
  return {
    get epoch() {
      return epoch;
    },
    heartbeat(readAtMs, cachedUntilMs = Number.NEGATIVE_INFINITY) {
      if (since === Number.POSITIVE_INFINITY) {
        since = now();
        told.first = readAtMs;
      }
      // The clock can be set back: by it the epoch began no later, and what the relay recorded before says nothing.
      told.first = Math.min(told.first, readAtMs);
      told.newest = readAtMs;
      told.cached = cachedUntilMs <= readAtMs ? cachedUntilMs : Number.NEGATIVE_INFINITY;
      return age.heartbeat(readAtMs);
    },
    connected: age.connecting,
    gap() {
      epoch++;
      since = Number.POSITIVE_INFINITY;
      age.gap();
    },
    live: (at) => at - age.asOf < lapseMs,
    covers: (at) => at >= since,
    cached: () =>
      since !== Number.POSITIVE_INFINITY && told.cached >= told.first && told.newest - told.cached < replicaLagMs,
    get cachedUntilMs() {
      return told.cached;
    },
    get cacheLagMs() {
      return since === Number.POSITIVE_INFINITY ? 0 : told.newest - Math.max(told.cached, told.first);
    },
    settled: (at) => at - since >= replicaLagMs,
    get asOf() {
      return age.asOf;
    },
    ageMs: (at) => at - age.asOf,
    primaryMs: age.primaryMs,
  };
}
