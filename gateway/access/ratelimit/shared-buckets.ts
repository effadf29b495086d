import { createRedis } from '#runtime/redis/redis.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import type { AccessConfig } from '../config.ts';
import { redisBuckets } from './buckets.redis.ts';
import type { Buckets } from './buckets.ts';
import { guardedBuckets } from './guarded-buckets.ts';

interface SharedBuckets {
  readonly buckets: Buckets;
  readonly checks: Readonly<Record<string, () => Promise<unknown>>>;
  /** In the order of opening. */
  readonly close: readonly (() => unknown)[];
}

/** Envoy's own timeout (envoy/limits.ts) is slightly longer. */
const patienceMs = 200;

/** The buckets of this installation: one Redis for all processes, behind a breaker. */
export function sharedBuckets(config: AccessConfig, log: Log): SharedBuckets {
  const { instance: name, limitTimeoutMs: timeoutMs, breakerResetMs: resetMs } = config;
  const redis = createRedis(config.redisUrl, { name, commandTimeoutMs: timeoutMs, log });
  const guarded = guardedBuckets(redisBuckets({ redis, limits: config }), { timeoutMs, patienceMs, resetMs, log });
  return {
    buckets: guarded,
    checks: { redis: () => redis.ping() },
    close: [() => redis.disconnect(), () => guarded.shutdown()],
  };
}
