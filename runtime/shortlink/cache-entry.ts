import { createHash } from 'node:crypto';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Redis } from 'ioredis';
import { type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import type { LinkKey } from './link-key.ts';

/*
 * The link cache: one entry per domain and code, `hop:l:<domain>/<code>` -> 16 hex digits of the version, then the bytes
 * of the LinkRecord. The version stands in front so that the script below compares it without knowing protobuf.
 * Every write goes through setAllIfNewer; a deleted or renamed link leaves its record as a tombstone that is compared like
 * any other.
 */

const prefix = 'hop:l:';
const versionDigits = 16;

/** The Redis key of a link's entry. */
export function cacheKey({ domain, code }: LinkKey): string {
  return `${prefix}${domain}/${code}`;
}

/**
 * How long an entry lives, in milliseconds. All are shorter than the retention of changes (24 h): a watcher that was away until changes
 * were discarded finds no entry from before them. All but the last are longer than a replica lags.
 */
export const cacheTtl = { link: 6 * 3_600_000, tombstone: 6 * 3_600_000, absence: 30_000 } as const;

export function encodeEntry(record: LinkRecord): Buffer {
  const version = record.version.toString(16).padStart(versionDigits, '0');
  return Buffer.concat([Buffer.from(version, 'latin1'), toBinary(LinkRecordSchema, record)]);
}

/** Undefined when the bytes are not an entry: the caller treats it as absent. */
export function decodeEntry(entry: Uint8Array): LinkRecord | undefined {
  if (entry.length < versionDigits) return undefined;
  try {
    return fromBinary(LinkRecordSchema, entry.subarray(versionDigits));
  } catch {
    return undefined;
  }
}

/**
 * Writes the record unless the cache holds the same or a greater version; returns whether it wrote. Used for the link service's changes and
 * for a resolver's fills alike.
 */
export async function setIfNewer(redis: Redis, record: LinkRecord): Promise<boolean> {
  return (await setAllIfNewer(redis, [record])) === 1;
}

/** The same for several at once; returns how many were written. */
export async function setAllIfNewer(redis: Redis, records: readonly LinkRecord[]): Promise<number> {
  const keys = records.map(cacheKey);
  const values = records.flatMap((record) => [encodeEntry(record), ttlOf(record)]);
  try {
    return Number(await redis.evalsha(scriptSha, keys.length, ...keys, ...values));
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return Number(await redis.eval(script, keys.length, ...keys, ...values));
  }
}

/**
 * How far the relay has got, stored in the cache itself: milliseconds since 1970 by the database's clock. Every change up to then has been
 * written before. A cache that is started from an old copy of its data, or whose lagging replica takes over, shows an old place, an emptied
 * one none.
 */
export const relayPlaceKey = 'hop:relay-place';

/** Undefined if the cache has none. */
export async function relayPlace(redis: Redis): Promise<number | undefined> {
  const place = await redis.get(relayPlaceKey);
  return place === null ? undefined : Number(place);
}

/** Moves the place, if the cache still holds the one last read or written; false: the cache has gone back in time. */
export async function moveRelayPlace(redis: Redis, from: number | undefined, to: number): Promise<boolean> {
  return (await redis.eval(moveScript, 1, relayPlaceKey, from ?? '', to)) === 1;
}

const moveScript = `if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1`;

/** Deletes every entry: for when the database or the cache went back in time, and the cache may hold what was never so. */
export async function forgetAll(redis: Redis): Promise<void> {
  let cursor = '0';
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', `${prefix}*`, 'COUNT', 1_000);
    if (keys.length > 0) await redis.unlink(keys);
    cursor = next;
  } while (cursor !== '0');
}

function ttlOf(record: LinkRecord): number {
  if (record.id !== '') return record.deletedAt ? cacheTtl.tombstone : cacheTtl.link;
  return record.version === 0n ? cacheTtl.absence : cacheTtl.tombstone;
}

/** Versions have a fixed number of digits, so they compare correctly as text; a missing entry counts as the empty text. */
const script = `local written = 0
for at, key in ipairs(KEYS) do
  local entry = ARGV[2 * at - 1]
  if redis.call('GETRANGE', key, 0, ${versionDigits - 1}) < string.sub(entry, 1, ${versionDigits}) then
    redis.call('SET', key, entry, 'PX', ARGV[2 * at])
    written = written + 1
  end
end
return written`;

const scriptSha = createHash('sha1').update(script).digest('hex');
