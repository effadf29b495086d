import { LRUCache } from 'lru-cache';
import { addressPrefix } from '#runtime/limits/address-prefix.ts';
import { rateOf, taking } from '#runtime/limits/gcra.ts';
import type { RateLimit } from '#runtime/limits/rate-limits.ts';

export interface UnknownCodesOptions {
  /** Unknown codes that an address may request from this process at full speed. */
  readonly limit: RateLimit;
  /** Requests beyond the limit are delayed by at most this long; those that would need longer are refused. */
  readonly longestWaitMs: number;
  readonly maxAddresses: number;
  /** Delayed requests at a time, over all addresses. */
  readonly maxWaiting: number;
  /** Milliseconds. */
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

/**
 * What is requested: a code that was certainly never handed out, or one that needs a store. They are counted separately, so that an address
 * that tries made-up codes does not slow its neighbours' requests for real links.
 */
export type Guess = 'made_up' | 'possible';

/** For a refused client: when the next request is welcome, and when the limit is fully restored, in milliseconds from now. */
export interface TooMany {
  readonly retryAfterMs: number;
  readonly resetMs: number;
}

/** Slows addresses that keep requesting codes that do not exist. Links answered from memory never come here. */
export interface UnknownCodes {
  /** Counts a code known to be unknown without a lookup, and returns whether it may be answered now; otherwise use `pace`. */
  countNow(address: string | undefined, guess: Guess): boolean;
  /** Calls `ask`, at once or after a delay, or returns that there were too many. Only an unknown code is counted. */
  pace<Result>(
    address: string | undefined,
    guess: Guess,
    ask: () => Promise<{ readonly unknown: boolean; readonly result: Result }>,
  ): Promise<Result | TooMany>;
}

type Turn = TooMany | { readonly waitMs: number };

/**
 * Of a process. A delayed redirect occupies one of the 256 places that Envoy has for all its resolvers, so those of four take half of them;
 * and its deadline is 0.75 s.
 */
export const unknownCodeBounds = { longestWaitMs: 500, maxWaiting: 32, maxAddresses: 20_000 } as const;

const microseconds = 1_000;

/** Counts in this process only: a store of counts per address would be one more to flood. */
export function createUnknownCodes(options: UnknownCodesOptions): UnknownCodes {
  const { longestWaitMs, maxWaiting, now, sleep } = options;
  const rate = rateOf(options.limit);
  const fullAt = new LRUCache<string, number>({ max: options.maxAddresses });
  let waiting = 0;

  function turn(key: string): Turn {
    const at = now() * microseconds;
    const held = fullAt.get(key);
    const { wait } = taking(rate, held, at);
    if (wait === 0) return { waitMs: 0 };
    const waitMs = wait / microseconds;
    if (waitMs <= longestWaitMs && waiting < maxWaiting) return { waitMs };
    return { retryAfterMs: waitMs, resetMs: Math.max(0, (held ?? at) - at) / microseconds };
  }

  function count(key: string): void {
    fullAt.set(key, taking(rate, fullAt.peek(key), now() * microseconds).fullAt);
  }

  function giveBack(key: string): void {
    const held = fullAt.peek(key);
    if (held !== undefined) fullAt.set(key, held - rate.interval);
  }

  async function hold(waitMs: number): Promise<void> {
    waiting++;
    await sleep(waitMs);
    waiting--;
  }

  /** Undefined if it is not an address: it is not counted. */
  function keyOf(address: string | undefined, guess: Guess): string | undefined {
    const prefix = address === undefined ? undefined : addressPrefix(address);
    return prefix && `${guess} ${prefix}`;
  }

  return {
    countNow(address, guess) {
      const key = keyOf(address, guess);
      if (key === undefined) return true;
      const at = now() * microseconds;
      const taken = taking(rate, fullAt.get(key), at);
      if (taken.wait > 0) return false;
      fullAt.set(key, taken.fullAt);
      return true;
    },
    async pace(address, guess, ask) {
      const key = keyOf(address, guess);
      if (key === undefined) return (await ask()).result;
      const mine = turn(key);
      if (!('waitMs' in mine)) return mine;
      if (mine.waitMs === 0) {
        const { unknown, result } = await ask();
        if (unknown) count(key);
        return result;
      }
      // Counted in advance, so that the next one waits longer; good links are slightly delayed too by now.
      count(key);
      await hold(mine.waitMs);
      const { unknown, result } = await ask();
      if (!unknown) giveBack(key);
      return result;
    },
  };
}

export function isTooMany(result: object): result is TooMany {
  return 'retryAfterMs' in result;
}
