import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { createRedis, type Redis, whenReady } from '#runtime/redis/redis.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { valkeyUrl } from '#runtime/testing/stores.ts';
import { cacheKey, cacheTtl, decodeEntry, encodeEntry, setIfNewer } from './cache-entry.ts';
import { linkKey } from './link-key.ts';
import { absentRecord } from './link-record.ts';

let redis: Redis;
beforeAll(async () => {
  redis = createRedis(valkeyUrl(), { name: 'test', log: silentLog });
  await whenReady(redis);
});
afterAll(() => redis.disconnect());

function record(version: bigint, fields: Partial<LinkRecord> = {}): LinkRecord {
  const link = { id: 'l1', domain: 'hop.example', code: 'größe', destination: 'https://example.com/', version };
  return create(LinkRecordSchema, { ...link, ...fields } as LinkRecord);
}

async function held(key: string): Promise<LinkRecord | undefined> {
  const entry = await redis.getBuffer(key);
  return entry ? decodeEntry(entry) : undefined;
}

describe('an entry', () => {
  test('is the version in sixteen digits and the record', () => {
    const entry = encodeEntry(record(255n));
    expect(entry.subarray(0, 16).toString()).toBe('00000000000000ff');
    expect(decodeEntry(entry)).toEqual(record(255n));
    expect(cacheKey(linkKey('hop.example', 'gro\u0308ße'))).toBe('hop:l:hop.example/größe');
  });

  test('that is none is absent', () => {
    expect(decodeEntry(Buffer.from('short'))).toBeUndefined();
    expect(decodeEntry(Buffer.concat([Buffer.from('00000000000000ff'), Buffer.from([0xff, 0xff])]))).toBeUndefined();
  });
});

test('no entry lives until the changes from before it are discarded, and a mere absence is soon asked for again', () => {
  expect(Math.max(...Object.values(cacheTtl))).toBeLessThan(24 * 3_600_000);
  expect(cacheTtl.absence).toBeLessThanOrEqual(60_000);
});

describe('setIfNewer', () => {
  test('the greatest version stays, in whatever order they are written', async () => {
    const code = randomUUID();
    const versions = [3n, 9n, 10n, 1n, 4_294_967_296n, 16n, 255n, 10n];
    const wrote = await Promise.all(versions.map((version) => setIfNewer(redis, record(version, { code }))));
    expect(wrote.filter(Boolean).length).toBeGreaterThan(0);
    const key = cacheKey({ domain: 'hop.example', code });
    expect((await held(key))?.version).toBe(4_294_967_296n);
    expect(await setIfNewer(redis, record(4_294_967_296n, { code }))).toBe(false);
    expect(await setIfNewer(redis, record(4_294_967_297n, { code }))).toBe(true);
  });

  test('an absence beats nothing and is beaten by every link', async () => {
    const code = randomUUID();
    const key = { domain: 'hop.example', code };
    expect(await setIfNewer(redis, absentRecord(key))).toBe(true);
    expect(await redis.pttl(cacheKey(key))).toBeLessThanOrEqual(cacheTtl.absence);
    expect(await setIfNewer(redis, record(1n, { code }))).toBe(true);
    expect(await setIfNewer(redis, absentRecord(key))).toBe(false);
    expect((await held(cacheKey(key)))?.id).toBe('l1');
    expect(await redis.pttl(cacheKey(key))).toBeGreaterThan(cacheTtl.absence);
  });

  test('a tombstone keeps an older row out', async () => {
    const code = randomUUID();
    const deletedAt = timestampFromMs(1_800_000_000_000);
    expect(await setIfNewer(redis, record(7n, { code, deletedAt }))).toBe(true);
    expect(await setIfNewer(redis, record(6n, { code }))).toBe(false);
    const key = cacheKey({ domain: 'hop.example', code });
    expect((await held(key))?.deletedAt).toEqual(deletedAt);
    // Much longer than a replica lags.
    expect(await redis.pttl(key)).toBeGreaterThan(3_600_000);
  });

  test('works after the server lost its scripts', async () => {
    await redis.script('FLUSH');
    expect(await setIfNewer(redis, record(1n, { code: randomUUID() }))).toBe(true);
  });
});
