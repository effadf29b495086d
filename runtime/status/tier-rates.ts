/** Answers by tier since the start of this process. */
export type TierCounts = ReadonlyMap<string, number>;

/** The rate of answers of each tier over the last minute. */
export interface TierRates {
  /** Records the present counts; call it every few seconds. */
  note(counts: TierCounts): void;
  /** Answers per second of a tier whose present count is `answers`. */
  perSecond(tier: string, answers: number): number;
}

const windowMs = 60_000;

/** `now` is monotonic, in milliseconds; the counts were zero at the time of this call. */
export function createTierRates(now: () => number): TierRates {
  let samples: { readonly at: number; readonly counts: TierCounts }[] = [{ at: now(), counts: new Map() }];
  return {
    note(counts) {
      const at = now();
      // Of the samples at least a minute old the newest is kept.
      const first = samples.findLastIndex((sample) => at - sample.at >= windowMs);
      samples = [...samples.slice(Math.max(0, first)), { at, counts }];
    },
    perSecond(tier, answers) {
      const at = now();
      const since = samples.findLast((sample) => at - sample.at >= windowMs) ?? samples[0];
      if (!since || at <= since.at) return 0;
      return ((answers - (since.counts.get(tier) ?? 0)) * 1_000) / (at - since.at);
    },
  };
}
