import type { DescMethodUnary } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import type { HoplineError } from './errors.ts';

const firstPauseMs = 100;
const longestPauseMs = 2_000;

/** Retries as a share of calls, once the first ten are used up. */
const repeatedShare = 0.2;
const mostInStock = 10;

/** Keeps retries from making an outage worse: they are limited to a share of the successful calls. */
export interface RetryBudget {
  succeeded(): void;
  /** Takes one; returns whether there was one. */
  take(): boolean;
}

export function retryBudget(): RetryBudget {
  let stock = mostInStock;
  return {
    succeeded() {
      stock = Math.min(mostInStock, stock + repeatedShare);
    },
    take() {
      if (stock < 1) return false;
      stock -= 1;
      return true;
    },
  };
}

/** What is known of a failed call. */
export interface Attempt {
  readonly method: DescMethodUnary;
  /** Whether it has an idempotency key, so that duplicates create one thing. */
  readonly keyed: boolean;
  /** How often it was made, at least 1. */
  readonly made: number;
}

/** Whether a retry is harmless and may help. */
export function mayRepeat({ method, keyed, made }: Attempt, { code, reason }: HoplineError): boolean {
  // Refused before any work was done.
  if (reason === 'OVERLOADED' || reason === 'RATE_LIMITED') return true;
  // The first try, whose answer was lost, is still in progress.
  if (reason === 'IDEMPOTENCY_IN_PROGRESS') return keyed && made > 1;
  if (code !== Code.Unavailable) return false;
  return keyed || method.idempotency !== MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN;
}

/**
 * How long to wait: as long as the installation asks, plus a random part so that clients do not all return at once; otherwise increasing,
 * at random.
 */
export function pauseMs({ made }: Attempt, { retryAfterMs }: HoplineError, random: () => number): number {
  if (retryAfterMs !== undefined) return retryAfterMs + random() * Math.max(firstPauseMs, retryAfterMs / 10);
  return random() * Math.min(longestPauseMs, firstPauseMs * 2 ** made);
}
