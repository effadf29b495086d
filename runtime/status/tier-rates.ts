/** Answers by tier, since the start of this process. */
export type TierCounts = ReadonlyMap<string, number>;

/** How fast the tiers answer, over the last minute. */
export interface TierRates {
  /** Keeps the counts of this moment; to be called every few seconds. */
  note(counts: TierCounts): void;
  /** Answers a second of one tier that has now answered so often. */
  perSecond(tier: string, answers: number): number;
}

const windowMs = 60_000;

/** `now` is in milliseconds and never goes back; nothing was answered before the call. */
export function createTierRates(now: () => number): TierRates {
  let samples: { readonly at: number; readonly counts: TierCounts }[] = [{ at: now(), counts: new Map() }];
  return {
    note(counts) {
      const at = now();
      // The newest of those that are a minute old stays.
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
