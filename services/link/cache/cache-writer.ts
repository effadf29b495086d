import { LRUCache } from 'lru-cache';
import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import type { Redis } from '#runtime/redis/redis.ts';
import { forgetAll, moveRelayPlace, relayPlace, setIfNewer } from '#runtime/shortlink/cache-entry.ts';
import { absentRecord } from '#runtime/shortlink/link-record.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';

/** Writes links through to the cache. Rejects when the cache does not accept it. */
export type CacheWriter = (record: LinkRecord, previousCode: string) => Promise<void>;

export interface CacheWriters {
  readonly write: CacheWriter;
  /** What the relay owes: everything but what this process itself has just written. */
  readonly writeOwed: CacheWriter;
  /** Deletes every entry: the cache may hold what was never so, or no longer is. */
  forgetAll(): Promise<void>;
  readonly place: CachePlace;
}

/** How far the cache has been written, according to itself, in milliseconds since 1970 by the database's clock. */
interface CachePlace {
  read(): Promise<number | undefined>;
  /** Moves it, if it is still the one given; false: the cache has gone back in time. */
  move(from: number | undefined, to: number): Promise<boolean>;
  /** Grows with each connection to the cache: what was written over an earlier one may be lost with that server. */
  readonly connections: number;
}

const writes = counter(metric.relayWrites);
/** More than are ever pending between the answer to a change and the relay's turn. */
const mostRemembered = 5_000;

export function createCacheWriters(redis: Redis): CacheWriters {
  /** By link id, the version last written through. */
  const written = new LRUCache<string, bigint>({ max: mostRemembered });
  let connections = 0;
  redis.on('ready', () => {
    connections++;
    written.clear();
  });
  const set = async (record: LinkRecord): Promise<void> => {
    try {
      const outcome = (await setIfNewer(redis, record)) ? 'written' : 'older';
      writes.add(1, { outcome });
    } catch (error) {
      writes.add(1, { outcome: 'failed' });
      throw error;
    }
  };
  const write: CacheWriter = async (record, previousCode) => {
    const { domain, id, version } = record;
    const gone = previousCode === '' ? [] : [absentRecord({ domain, code: previousCode }, version)];
    await Promise.all([record, ...gone].map(set));
    written.set(id, version);
  };
  return {
    write,
    async writeOwed(record, previousCode) {
      const isPaid = written.get(record.id) === record.version;
      if (isPaid) written.delete(record.id);
      else await write(record, previousCode);
    },
    async forgetAll() {
      written.clear();
      await forgetAll(redis);
    },
    place: {
      read: () => relayPlace(redis),
      move: (from, to) => moveRelayPlace(redis, from, to),
      get connections() {
        return connections;
      },
    },
  };
}

/**
 * Writes before the caller is answered, so that a link can be followed as soon as its 201 is out; waits no longer than `limitMs`, because
 * the relay owes the write anyway.
 */
export async function writeWithin(limitMs: number, write: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([write.catch(() => {}), late]);
  clearTimeout(timer);
}
