import { type Breaker, breaker } from '#runtime/breaker/breaker.ts';
import type { Redis } from '#runtime/redis/redis.ts';
import { cacheKey, decodeEntry, setIfNewer } from '#runtime/shortlink/cache-entry.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import type { Found, RedisTier } from '../resolve.ts';

interface RedisTierOptions {
  readonly redis: Redis;
  readonly timeoutMs: number;
  /** When every answer takes longer, Redis is not asked for a while. */
  readonly lateMs: number;
  readonly resetMs: number;
  /** Fills under way at once; more are left undone. */
  readonly maxFills: number;
  readonly log: Log;
}

export function redisTier({ redis, timeoutMs, lateMs, resetMs, maxFills, log }: RedisTierOptions): RedisTier {
  const get: Breaker<[LinkKey], Buffer | null> = breaker('redis', (key: LinkKey) => redis.getBuffer(cacheKey(key)), {
    timeoutMs,
    lateMs,
    resetMs,
    log,
  });
  let fills = 0;
  return {
    name: 'redis',
    async find(key) {
      const entry = await get.fire(key);
      return entry ? foundIn(entry, key) : undefined;
    },
    fill(record) {
      if (fills >= maxFills || get.state !== 'closed') return;
      fills++;
      setIfNewer(redis, record)
        .catch((error: unknown) => log.debug({ err: error }, 'a fill of Redis failed'))
        .finally(() => fills--);
    },
  };
}

/**
 * An absence without a version says nothing that the primary would not have to confirm. An entry for another key says
 * nothing either: Redis has no request ids, so one byte too many on its connection would give each answer to the next question.
 */
function foundIn(entry: Buffer, { domain, code }: LinkKey): Found {
  const record = decodeEntry(entry);
  if (record?.domain !== domain || record.code !== code) return undefined;
  if (record.id !== '') return { record };
  return record.version > 0n ? { goneAt: record.version } : undefined;
}
