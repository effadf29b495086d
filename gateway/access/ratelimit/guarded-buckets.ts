import { breaker } from '#runtime/breaker/breaker.ts';
import { HopError, unavailable } from '#runtime/errors/errors.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import type { Buckets } from './buckets.ts';

interface GuardOptions {
  readonly timeoutMs: number;
  /** How long the buckets are left alone after five failures. */
  readonly resetMs: number;
  readonly log: Log;
}

export interface GuardedBuckets extends Buckets {
  shutdown(): void;
}

/** Buckets behind a breaker: while their store is away a question costs nothing, and Envoy counts by itself. */
export function guardedBuckets(buckets: Buckets, options: GuardOptions): GuardedBuckets {
  const take = breaker('rate-limits', buckets.take, options);
  return {
    take: (asked, tokens) => take.fire(asked, tokens).catch(cannotCount),
    shutdown: () => take.shutdown(),
  };
}

function cannotCount(error: unknown): never {
  if (error instanceof HopError) throw error;
  throw unavailable('DEPENDENCY_UNAVAILABLE', 'Calls cannot be counted just now.', 1_000, error);
}
