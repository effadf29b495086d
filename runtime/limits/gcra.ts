/*
 * The generic cell rate algorithm: a token bucket whose whole state is one time, the one at which the bucket will be full
 * again. Times are in whatever unit the caller counts by.
 */

/** A bucket of `burst` tokens, one of which comes back every `interval`. */
export interface Rate {
  readonly interval: number;
  readonly burst: number;
}

/** The rate of a limit, in microseconds. The interval is rounded down: never fewer calls than promised. */
export function rateOf({ calls, periodSeconds }: { readonly calls: number; readonly periodSeconds: number }): Rate {
  return { interval: Math.floor((periodSeconds * 1_000_000) / calls), burst: calls };
}

interface Taking {
  /** When the bucket will be full again if the tokens are taken. */
  readonly fullAt: number;
  /** How long until there are that many tokens; 0: now. */
  readonly wait: number;
}

/** The result of taking `tokens` at `now` from a bucket that will be full at `fullAt` (undefined: it is full). */
export function taking({ interval, burst }: Rate, fullAt: number | undefined, now: number, tokens = 1): Taking {
  const next = Math.max(fullAt ?? now, now) + tokens * interval;
  return { fullAt: next, wait: Math.max(0, next - now - burst * interval) };
}

/** How many tokens are in the bucket at `now`. */
export function tokensIn({ interval, burst }: Rate, fullAt: number | undefined, now: number): number {
  return Math.max(0, burst - Math.ceil(Math.max(0, (fullAt ?? now) - now) / interval));
}
