import { breaker } from '#runtime/breaker/breaker.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import type { TakeFromRedis } from './buckets.redis.ts';
import type { Bucket, Buckets, Decision } from './buckets.ts';

interface GuardOptions {
  /** A call that takes longer has failed. */
  readonly timeoutMs: number;
  /** How long a request waits for its count; a later answer counts, but refuses nobody. */
  readonly patienceMs: number;
  /** How long the buckets are left alone after five failures. */
  readonly resetMs: number;
  readonly log: Log;
}

export interface GuardedBuckets extends Buckets {
  shutdown(): void;
}

const decided = counter(metric.rateLimits);

/** Buckets behind a breaker: while their store is away a call costs nothing, not even an error. */
export function guardedBuckets(takeFromRedis: TakeFromRedis, options: GuardOptions): GuardedBuckets {
  const guarded = breaker('rate-limits', takeFromRedis, options);
  return {
    async take(buckets, tokens) {
      // The breaker and the connection count each failure, and log its beginning and end.
      const asked = guarded.state === 'open' ? undefined : guarded.fire(buckets, tokens).catch(() => undefined);
      const decisions = asked && (await within(options.patienceMs, asked));
      count(buckets, decisions);
      return decisions;
    },
    shutdown: () => guarded.shutdown(),
  };
}

async function within<Result>(patienceMs: number, result: Promise<Result>): Promise<Result | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, patienceMs, undefined);
  });
  return Promise.race([result, late]).finally(() => clearTimeout(timer));
}

function count(asked: readonly Bucket[], decisions: readonly Decision[] | undefined): void {
  asked.forEach(({ limit }, index) => {
    const decision = decisions?.[index];
    const outcome = decision ? (decision.allowed ? 'allowed' : 'refused') : 'uncounted';
    decided.add(1, { kind: limit, outcome });
  });
}
