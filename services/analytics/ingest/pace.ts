/** Enough to go from the largest configurable transaction to one message each. */
const mostHalvings = 17;
/** For this many fetches after a transaction that took too long, each merges one link, so that less remains due. */
const calmFetches = 50;

/** How much of each partition is stored at once: less after a transaction that took too long, and more again fetch by fetch. */
export interface Pace {
  /** For a fetch: the share of the usual clicks, and how many links may have their breakdowns merged (undefined: as many as usual). */
  of(partition: number): { readonly share: number; readonly mergedLinks: number | undefined };
  tookTooLong(partition: number): void;
  /** A whole fetch was stored. */
  stored(partition: number): void;
}

export function createPace(): Pace {
  /** By partition, how often its transactions were halved. */
  const halvings = new Map<number, number>();
  /** By partition, how many fetches remain before as many links are merged as usual. */
  const calmFor = new Map<number, number>();
  return {
    of(partition) {
      const halved = halvings.get(partition) ?? 0;
      const isCalm = (calmFor.get(partition) ?? 0) > 0;
      return { share: 1 / 2 ** halved, mergedLinks: halved > 0 ? 0 : isCalm ? 1 : undefined };
    },
    tookTooLong(partition) {
      halvings.set(partition, Math.min((halvings.get(partition) ?? 0) + 1, mostHalvings));
      calmFor.set(partition, calmFetches);
    },
    stored(partition) {
      for (const left of [halvings, calmFor]) left.set(partition, Math.max(0, (left.get(partition) ?? 0) - 1));
    },
  };
}
