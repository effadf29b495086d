import { LRUCache } from 'lru-cache';
import { addressPrefix } from '#runtime/limits/address-prefix.ts';
import { rateOf, taking } from '#runtime/limits/gcra.ts';
import type { RateLimit } from '#runtime/limits/rate-limits.ts';

export interface UnknownCodesOptions {
  /** Unknown codes that an address may ask this process for at full speed. */
  readonly limit: RateLimit;
  /** Requests beyond the limit are delayed by at most this long; those that would need longer are refused. */
  readonly longestWaitMs: number;
  readonly maxAddresses: number;
  /** Questions held back at once, of all addresses. */
  readonly maxWaiting: number;
  /** Milliseconds. */
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

/**
 * What is asked for: a code that was certainly never handed out, or one that a store has to be asked for. They are counted
 * apart, so that an address that tries made-up codes slows no neighbour's look at a real link.
 */
export type Guess = 'made_up' | 'possible';

/** Who is sent away: when the next question is welcome, and when all is as before, in milliseconds from now. */
export interface TooMany {
  readonly retryAfterMs: number;
  readonly resetMs: number;
}

/** Slows addresses that keep asking for codes that lead nowhere. Links that memory holds are never asked about here. */
export interface UnknownCodes {
  /** Counts a code that is unknown without asking, and says whether it may be answered now; else it is left to `pace`. */
  countNow(address: string | undefined, guess: Guess): boolean;
  /** Calls `ask`, at once or a little later, or answers that there were too many. Only an unknown code is counted. */
  pace<Result>(
    address: string | undefined,
    guess: Guess,
    ask: () => Promise<{ readonly unknown: boolean; readonly result: Result }>,
  ): Promise<Result | TooMany>;
}

type Turn = TooMany | { readonly waitMs: number };

const microseconds = 1_000;

/** Counts in this process alone: a store that could be asked about an address would be one more to flood. */
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

  /** Undefined for what is no address: it is not counted. */
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
      // Counted beforehand, so that the next one waits longer; good links, too, are a little late now.
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
