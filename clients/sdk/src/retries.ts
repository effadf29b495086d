import type { DescMethodUnary } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import type { HoplineError } from './errors.ts';

const firstPauseMs = 100;
const longestPauseMs = 2_000;

/** The part of the calls that may be repeated once the first ten are used up. */
const repeatedShare = 0.2;
const mostInStock = 10;

/** Keeps repeated calls from making an outage worse: they are a share of the calls that went well. */
export interface RetryBudget {
  succeeded(): void;
  /** Takes one; answers whether there was one. */
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

/** What is known of a call that failed. */
export interface Attempt {
  readonly method: DescMethodUnary;
  /** Carries an idempotency key, so that twins make one thing. */
  readonly keyed: boolean;
  /** How often it was made, at least 1. */
  readonly made: number;
}

/** Whether making the call again can do no harm and may help. */
export function mayRepeat({ method, keyed, made }: Attempt, { code, reason }: HoplineError): boolean {
  // Refused before any work was done.
  if (reason === 'OVERLOADED' || reason === 'RATE_LIMITED') return true;
  // The first try, whose answer was lost, is still being worked on.
  if (reason === 'IDEMPOTENCY_IN_PROGRESS') return keyed && made > 1;
  if (code !== Code.Unavailable) return false;
  return keyed || method.idempotency !== MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN;
}

/** How long to wait: what the installation asks for, and some more so that not all come back at once; else ever longer, at random. */
export function pauseMs({ made }: Attempt, { retryAfterMs }: HoplineError, random: () => number): number {
  if (retryAfterMs !== undefined) return retryAfterMs + random() * Math.max(firstPauseMs, retryAfterMs / 10);
  return random() * Math.min(longestPauseMs, firstPauseMs * 2 ** made);
}
