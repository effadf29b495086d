import { createHash } from 'node:crypto';
import { rateOf } from '#runtime/limits/gcra.ts';
import { type LimitName, type RateLimits, rateLimitTable } from '#runtime/limits/rate-limits.ts';
import type { Redis } from '#runtime/redis/redis.ts';
import type { Bucket, Decision } from './buckets.ts';

interface RedisBucketsOptions {
  readonly redis: Redis;
  readonly limits: RateLimits;
  /** Prefix of every key. */
  readonly prefix?: string;
  /** Microseconds since 1970, for tests; otherwise Redis's own clock, which is the same for all processes. */
  readonly now?: () => number;
}

/**
 * runtime/limits/gcra.ts as a Redis script, where nothing comes between reading a bucket and writing it. A key holds the time when its
 * bucket is full again, in microseconds, and expires then. A value further ahead than an empty bucket needs is from before the clock was
 * set back, and would refuse calls for that long: the bucket counts as empty from now on. ARGV: now or '', tokens, then interval and burst
 * of each key. Returns three numbers per key: the wait and when the bucket is full again in microseconds, and the tokens left.
 */
const script = `local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local tokens = tonumber(ARGV[2])
local function hold(key, full)
  redis.call('SET', key, string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
end
local full, next, wait, refused = {}, {}, {}, false
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[1 + 2 * i]), tonumber(ARGV[2 + 2 * i])
  full[i] = math.max(tonumber(redis.call('GET', key) or now), now)
  if full[i] > now + burst * interval then
    full[i] = now + burst * interval
    hold(key, full[i])
  end
  next[i] = full[i] + tokens * interval
  wait[i] = math.max(0, next[i] - now - burst * interval)
  refused = refused or wait[i] > 0
end
local answer = {}
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[1 + 2 * i]), tonumber(ARGV[2 + 2 * i])
  if not refused then
    full[i] = next[i]
    hold(key, full[i])
  end
  answer[3 * i - 2] = wait[i]
  answer[3 * i - 1] = full[i]
  answer[3 * i] = math.max(0, burst - math.ceil((full[i] - now) / interval))
end
return answer`;

const sha = createHash('sha1').update(script).digest('hex');
const microseconds = 1_000_000;

/** As Buckets.take, but rejects when Redis does not answer. */
export type TakeFromRedis = (buckets: readonly Bucket[], tokens?: number) => Promise<readonly Decision[]>;

/** Buckets shared by all processes, counted exactly. One Redis call for all buckets of a request. */
export function redisBuckets({ redis, limits, prefix = 'hop:q:', now }: RedisBucketsOptions): TakeFromRedis {
  const names = Object.keys(rateLimitTable) as LimitName[];
  const rates = Object.fromEntries(names.map((name) => [name, rateOf(limits[name])]));

  return async (buckets, tokens = 1) => {
    const keys = buckets.map(({ limit, subject }) => `${prefix}${limit}:${subject}`);
    const figures = buckets.flatMap(({ limit }) => [rates[limit]?.interval ?? 0, rates[limit]?.burst ?? 0]);
    const answer = await run(redis, keys, [now?.() ?? '', tokens, ...figures]);
    return buckets.map((bucket, index) => decisionOf(bucket, limits, answer.slice(3 * index, 3 * index + 3)));
  };
}

async function run(redis: Redis, keys: readonly string[], values: readonly (string | number)[]): Promise<number[]> {
  try {
    return (await redis.evalsha(sha, keys.length, ...keys, ...values)) as number[];
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return (await redis.eval(script, keys.length, ...keys, ...values)) as number[];
  }
}

function decisionOf({ limit }: Bucket, limits: RateLimits, [wait = 0, full = 0, remaining = 0]: number[]): Decision {
  return {
    limit,
    allowed: wait === 0,
    calls: limits[limit].calls,
    remaining,
    resetsAt: Math.ceil(full / microseconds),
    retryAfterSeconds: Math.ceil(wait / microseconds),
  };
}
