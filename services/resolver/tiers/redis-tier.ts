import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import { type Breaker, breaker } from '#runtime/breaker/breaker.ts';
import type { Redis } from '#runtime/redis/redis.ts';
import { cacheKey, decodeEntry, relayPlaceKey, setAllIfNewer } from '#runtime/shortlink/cache-entry.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import { batched } from './batching.ts';
import type { Found, RedisTier } from './tier.ts';

interface RedisTierOptions {
  readonly redis: Redis;
  readonly timeoutMs: number;
  /** When every answer takes longer, Redis is not used for a while. */
  readonly lateMs: number;
  readonly resetMs: number;
  /** Fills in flight; more are skipped. */
  readonly maxFills: number;
  /** How long a lookup may take in total: a key that has waited longer is not queried any more, since nobody is waiting for it. */
  readonly budgetMs: number;
  /** The time up to which every change is known to be in Redis, by the database's clock; -Infinity: unknown. */
  readonly cachedUntilMs: () => number;
  readonly log: Log;
}

/** Keys per query or fill, and how many of either are in flight. */
const batches = { most: 64, underWay: 8, maxWaiting: 1_000 } as const;

export function redisTier({
  redis,
  timeoutMs,
  lateMs,
  resetMs,
  maxFills,
  budgetMs,
  cachedUntilMs,
  log,
}: RedisTierOptions): RedisTier {
  let wentBack = false;
  /**
   * A Redis that was started from an old copy of its data has old links, and shows it: its place is old as well. One that was emptied has
   * no place, nor has one that an older version of the link service writes to.
   */
  async function read(keys: readonly LinkKey[]): Promise<(Buffer | null)[]> {
    const least = cachedUntilMs();
    const [place, ...entries] = await redis.mgetBuffer(relayPlaceKey, ...keys.map(cacheKey));
    const isBack = Number(place ?? Number.POSITIVE_INFINITY) < least;
    if (isBack && !wentBack)
      log.warn({ place: Number(place), told: least }, 'Redis has gone back in time and is passed over');
    wentBack = isBack;
    if (isBack) throw new GoneBack();
    return entries;
  }
  const get: Breaker<[readonly LinkKey[]], (Buffer | null)[]> = breaker('redis', read, {
    timeoutMs,
    lateMs,
    resetMs,
    isFailure: (error) => !(error instanceof GoneBack),
    log,
  });
  const entryOf = batched(get.fire, { name: 'redis', ...batches, patienceMs: budgetMs });
  const write = batched(
    async (records: readonly LinkRecord[]) => {
      await setAllIfNewer(redis, records);
      return [];
    },
    { name: 'redis', ...batches, patienceMs: timeoutMs },
  );
  let fills = 0;
  return {
    name: 'redis',
    async find(key) {
      const entry = await entryOf(key);
      return entry ? foundIn(entry, key) : undefined;
    },
    fill(record) {
      if (fills >= maxFills || get.state !== 'closed') return;
      fills++;
      write(record)
        .catch((error: unknown) => log.debug({ err: error }, 'a fill of Redis failed'))
        .finally(() => fills--);
    },
  };
}

/** The link service notices this within about a second, and empties Redis (services/link/cache/relay.ts). */
class GoneBack extends Error {
  constructor() {
    super('Redis does not have all that was written to it.');
  }
}

/**
 * An absence without a version says nothing that the primary would not have to confirm. Nor does an entry for another key: Redis has no
 * request ids, so one byte too many on its connection would shift every answer to the next command.
 */
function foundIn(entry: Buffer, { domain, code }: LinkKey): Found {
  const record = decodeEntry(entry);
  if (record?.domain !== domain || record.code !== code) return undefined;
  if (record.id !== '') return { record };
  return record.version > 0n ? { goneAt: record.version } : undefined;
}
