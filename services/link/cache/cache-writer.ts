import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import type { Redis } from '#runtime/redis/redis.ts';
import { setIfNewer } from '#runtime/shortlink/cache-entry.ts';
import { absentRecord } from '#runtime/shortlink/link-record.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';

/** Writes links through to the cache. Rejects when the cache does not take it. */
export type CacheWriter = (record: LinkRecord, previousCode: string) => Promise<void>;

const writes = counter(metric.relayWrites);

export function createCacheWriter(redis: Redis): CacheWriter {
  const write = async (record: LinkRecord): Promise<void> => {
    try {
      const outcome = (await setIfNewer(redis, record)) ? 'written' : 'older';
      writes.add(1, { outcome });
    } catch (error) {
      writes.add(1, { outcome: 'failed' });
      throw error;
    }
  };
  return async (record, previousCode) => {
    const gone =
      previousCode === '' ? [] : [absentRecord({ domain: record.domain, code: previousCode }, record.version)];
    await Promise.all([record, ...gone].map(write));
  };
}

/**
 * Writes before the caller is answered, so that a link can be followed as soon as its 201 is out; not longer than
 * `limitMs`, because the relay owes the write anyway.
 */
export async function writeWithin(limitMs: number, write: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([write.catch(() => {}), late]);
  clearTimeout(timer);
}
