import { breaker } from '#runtime/breaker/breaker.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import type { TakeFromRedis } from './buckets.redis.ts';
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

/** Buckets behind a breaker: while their store is away a question costs nothing, not even an error. */
export function guardedBuckets(takeFromRedis: TakeFromRedis, options: GuardOptions): GuardedBuckets {
  const guarded = breaker('rate-limits', takeFromRedis, options);
  return {
    async take(buckets, tokens) {
      if (guarded.state === 'open') return undefined;
      // Each failure is counted, and its beginning and end are logged, by the breaker and by the connection.
      return guarded.fire(buckets, tokens).catch(() => undefined);
    },
    shutdown: () => guarded.shutdown(),
  };
}
