import { createWatchAge } from '#runtime/watch/watch-age.ts';

/** Milliseconds of a clock that never goes back. */
export type Clock = () => number;

export interface FreshnessOptions {
  readonly now: Clock;
  /** How old what Watch has told may be while Watch still counts as live. */
  readonly lapseMs: number;
  /** No replica lags further behind the primary than this. */
  readonly replicaLagMs: number;
}

/**
 * How far what this process holds can be believed. An unbroken run of changes, without a gap between streams, is an
 * epoch: a record that was read in it and not changed since is current as long as Watch is live.
 */
export interface Freshness {
  readonly epoch: number;
  /**
   * Every change committed up to readAtMs (the database's clock, milliseconds since 1970) has been applied. Answers false
   * when only another stream can tell how old that is.
   */
  heartbeat(readAtMs: number): boolean;
  /** Another stream is being asked for; all heartbeats that follow come by it. */
  connected(): void;
  /** Changes may have been missed; the next heartbeat begins a new epoch. */
  gap(): void;
  live(now: number): boolean;
  /** Was this time inside the present epoch, so that every change since then has been or will be heard of? */
  covers(at: number): boolean;
  /** True once a lagging replica can no longer show a row from before the epoch. */
  settled(now: number): boolean;
  /** The time up to which all changes have been told, at least; -Infinity while that is not known. */
  readonly asOf: number;
  /** Milliseconds since the primary was read for the newest heartbeat, at most; infinite before the second one of a first stream. */
  ageMs(now: number): number;
}

export function createFreshness({ now, lapseMs, replicaLagMs }: FreshnessOptions): Freshness {
  const age = createWatchAge(now);
  let epoch = 0;
  let since = Number.POSITIVE_INFINITY;
  return {
    get epoch() {
      return epoch;
    },
    heartbeat(readAtMs) {
      if (since === Number.POSITIVE_INFINITY) since = now();
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
    settled: (at) => at - since >= replicaLagMs,
    get asOf() {
      return age.asOf;
    },
    ageMs: (at) => at - age.asOf,
  };
}
