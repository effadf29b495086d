/** Milliseconds of a clock that never goes back. */
export type Clock = () => number;

export interface FreshnessOptions {
  readonly now: Clock;
  /** How long after its last heartbeat Watch still counts as live. */
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
  /** Every change committed up to readAtMs (the database's clock, milliseconds since 1970) has been applied. */
  heartbeat(readAtMs: number): void;
  /** Heartbeats of another stream: their delays are measured against each other alone. */
  connected(): void;
  /** Changes may have been missed; the next heartbeat begins a new epoch. */
  gap(): void;
  live(now: number): boolean;
  /** Was this time inside the present epoch, so that every change since then has been or will be heard of? */
  covers(at: number): boolean;
  /** True once a lagging replica can no longer show a row from before the epoch. */
  settled(now: number): boolean;
  /** Milliseconds since the primary was read for the newest heartbeat; infinite before the first one. */
  ageMs(now: number): number;
}

export function createFreshness({ now, lapseMs, replicaLagMs }: FreshnessOptions): Freshness {
  let epoch = 0;
  let since = Number.POSITIVE_INFINITY;
  let asOf = Number.NEGATIVE_INFINITY;
  // Two clocks cannot be compared, but the quickest heartbeat of a stream tells how they differ; whatever a later one
  // takes longer, it was held up on its way, and is that much older than its arrival.
  let leastOffset = Number.POSITIVE_INFINITY;
  return {
    get epoch() {
      return epoch;
    },
    heartbeat(readAtMs) {
      const arrivedAt = now();
      const offset = arrivedAt - readAtMs;
      leastOffset = Math.min(leastOffset, offset);
      asOf = Math.max(asOf, arrivedAt - (offset - leastOffset));
      if (since === Number.POSITIVE_INFINITY) since = arrivedAt;
    },
    connected() {
      leastOffset = Number.POSITIVE_INFINITY;
    },
    gap() {
      epoch++;
      since = Number.POSITIVE_INFINITY;
      asOf = Number.NEGATIVE_INFINITY;
    },
    live: (at) => at - asOf < lapseMs,
    covers: (at) => at >= since,
    settled: (at) => at - since >= replicaLagMs,
    ageMs: (at) => at - asOf,
  };
}
