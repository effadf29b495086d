export interface Flight<Result> {
  readonly result: Promise<Result>;
  /** True for the caller that started the call; a joiner gets the answer to an earlier call. */
  readonly own: boolean;
}

/** At most one call in flight for each key, and at most max in total; undefined if there is no more room. */
export function createSingleFlight<Result>(max: number) {
  const flights = new Map<string, Promise<Result>>();
  return function fly(key: string, ask: () => Promise<Result>): Flight<Result> | undefined {
    const under = flights.get(key);
    if (under) return { result: under, own: false };
    if (flights.size >= max) return undefined;
    const result = ask().finally(() => flights.delete(key));
    flights.set(key, result);
    return { result, own: true };
  };
}
