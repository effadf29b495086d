import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRedis, type Redis, whenReady } from '#runtime/redis/redis.ts';
import { cacheKey, moveRelayPlace, relayPlaceKey, setIfNewer } from '#runtime/shortlink/cache-entry.ts';
import { absentRecord } from '#runtime/shortlink/link-record.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { valkeyUrl } from '#runtime/testing/stores.ts';
import { startValkey } from '#runtime/testing/valkey.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { testRecord } from '../testing/resolver-fixture.ts';
import { redisTier } from './redis-tier.ts';

const bounds = { timeoutMs: 1_000, lateMs: 1_000, resetMs: 100, maxFills: 64, budgetMs: 1_000, log: silentLog };
/** How far Redis has got is not known. */
const limits = { ...bounds, cachedUntilMs: () => Number.NEGATIVE_INFINITY };
let redis: Redis;

beforeAll(async () => {
  redis = createRedis(valkeyUrl(), { name: 'resolver-test', commandTimeoutMs: 1_000, log: silentLog });
  await whenReady(redis);
});
afterAll(() => redis.disconnect());

let next = 0;
/** A key that no other test uses. */
const newKey = () => ({ domain: 'resolver-tier.example', code: `c${next++}` });

describe('the redis tier', () => {
  it('finds what the link service wrote, and nothing else', async () => {
    const tier = redisTier({ redis, ...limits });
    const key = newKey();
    expect(await tier.find(key)).toBeUndefined();
    const record = testRecord({ ...key, version: 3n, tags: ['a'] });
    await setIfNewer(redis, record);
    expect(await tier.find(key)).toEqual({ record });
  });

  it('is asked for what waited because the process stood still, while somebody waits for it', async () => {
    const tier = redisTier({ redis, ...limits, budgetMs: 200 });
    const key = newKey();
    const record = testRecord({ ...key, version: 3n });
    await setIfNewer(redis, record);
    const found = tier.find(key);
    for (const until = performance.now() + 60; performance.now() < until; );
    expect(await found).toEqual({ record });
    const given = tier.find(key);
    for (const until = performance.now() + 250; performance.now() < until; );
    await expect(given).rejects.toThrow('redis is asked for too much at once');
  });

  it('tells a code that is gone from one that nobody had', async () => {
    const tier = redisTier({ redis, ...limits });
    const [renamed, never, broken] = [newKey(), newKey(), newKey()];
    await setIfNewer(redis, absentRecord(renamed, 4n));
    await setIfNewer(redis, absentRecord(never));
    await redis.set(cacheKey(broken), 'no entry at all');
    expect(await tier.find(renamed)).toEqual({ goneAt: 4n });
    expect(await tier.find(never)).toBeUndefined();
    expect(await tier.find(broken)).toBeUndefined();
  });

  it('does not take the entry of another link for the answer', async () => {
    const tier = redisTier({ redis, ...limits });
    const [asked, other] = [newKey(), newKey()];
    await setIfNewer(redis, testRecord({ ...other, version: 3n }));
    await redis.copy(cacheKey(other), cacheKey(asked));
    expect(await tier.find(asked)).toBeUndefined();
  });

  it('believes nothing of a Redis that has not got as far as was told, and does not count it as ill', async () => {
    let told = 1_000;
    const tier = redisTier({ redis, ...bounds, cachedUntilMs: () => told });
    const key = newKey();
    await setIfNewer(redis, testRecord({ ...key, version: 3n }));
    await redis.del(relayPlaceKey);
    expect(await tier.find(key)).toMatchObject({ record: { version: 3n } });
    await moveRelayPlace(redis, undefined, 999);
    for (let call = 0; call < 10; call++) await expect(tier.find(key)).rejects.toThrow('all that was written');
    await moveRelayPlace(redis, 999, 1_000);
    expect(await tier.find(key)).toMatchObject({ record: { version: 3n } });
    told = 1_001;
    await expect(tier.find(key)).rejects.toThrow('all that was written');
    await redis.del(relayPlaceKey);
  });

  it('fills, but never over a newer version', async () => {
    const tier = redisTier({ redis, ...limits });
    const key = newKey();
    tier.fill(testRecord({ ...key, version: 2n }));
    await waitFor(() => tier.find(key), { intervalMs: 1, what: 'the fill' });
    tier.fill(testRecord({ ...key, version: 1n }));
    tier.fill(testRecord({ ...newKey(), version: 1n }));
    await redis.ping();
    expect(await tier.find(key)).toEqual({ record: testRecord({ ...key, version: 2n }) });
  });

  it('leaves fills undone rather than letting them pile up', async () => {
    const tier = redisTier({ redis, ...limits, maxFills: 2 });
    const keys = [newKey(), newKey(), newKey()];
    for (const key of keys) tier.fill(testRecord(key));
    await waitFor(() => tier.find(keys[1] ?? newKey()), { intervalMs: 1, what: 'the fill' });
    expect(await tier.find(keys[2] ?? newKey())).toBeUndefined();
  });
});

it('fails while Redis is away, and comes back with it', async () => {
  const valkey = await startValkey();
  const own = createRedis(valkey.url, { name: 'resolver-test', commandTimeoutMs: 200, log: silentLog });
  await whenReady(own);
  const tier = redisTier({ redis: own, ...limits });
  const key = newKey();
  await tier.find(key);
  await valkey.stop();
  for (let call = 0; call < 10; call++) await expect(tier.find(key)).rejects.toThrow();
  const again = await startValkey({ port: valkey.port });
  try {
    await waitFor(async () => (await tier.find(key)) === undefined, { timeoutMs: 5_000, what: 'Redis' });
  } catch {
    expect.fail('the tier did not come back');
  } finally {
    own.disconnect();
    await again.stop();
  }
});
