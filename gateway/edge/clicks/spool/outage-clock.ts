export interface OutageClock {
  /** For how long it has failed, from the first failed attempt in a row to the latest one, in milliseconds; 0: the latest one succeeded. */
  outageMs(): number;
  attempt<Result>(work: () => Promise<Result>): Promise<Result>;
}

/** Measures how long one operation has failed. Time before the first failure does not count: nothing may have been attempted in it. */
export function createOutageClock(now: () => number): OutageClock {
  let failingSince: number | undefined;
  let outageMs = 0;
  return {
    outageMs: () => outageMs,
    async attempt(work) {
      const startedAt = now();
      try {
        const result = await work();
        failingSince = undefined;
        outageMs = 0;
        return result;
      } catch (error) {
        failingSince ??= startedAt;
        outageMs = now() - failingSince;
        throw error;
      }
    },
  };
}
