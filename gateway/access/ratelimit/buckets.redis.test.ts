import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rateOf, taking, tokensIn } from '#runtime/limits/gcra.ts';
import type { RateLimits } from '#runtime/limits/rate-limits.ts';
import { createRedis, type Redis, whenReady } from '#runtime/redis/redis.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { valkeyUrl } from '#runtime/testing/stores.ts';
import { redisBuckets } from './buckets.redis.ts';

const limits: RateLimits = {
  signups: { calls: 5, periodSeconds: 3_600 },
  logins: { calls: 7, periodSeconds: 60 },
  anonymous: { calls: 100, periodSeconds: 3_600 },
  caller: { calls: 6_000, periodSeconds: 60 },
};
const start = 1_800_000_000_000_000;

let connections: Redis[];
beforeAll(async () => {
  connections = [1, 2, 3].map((index) =>
    createRedis(valkeyUrl(), { name: `test-${index}`, commandTimeoutMs: 5_000, log: silentLog }),
  );
  await Promise.all(connections.map((each) => whenReady(each)));
});
afterAll(() => connections.forEach((each) => void each.disconnect()));

const connection = (index = 0): Redis => connections[index] as Redis;
const prefix = (): string => `test:${randomUUID()}:`;

describe('buckets in the real Valkey', () => {
  it('hold exactly what they hold, however many take at once over however many processes', async () => {
    const all = prefix();
    const processes = connections.map((redis) => redisBuckets({ redis, limits, prefix: all }));
    const takers = Array.from({ length: 1_000 }, (_, index) => processes[index % processes.length]);
    const asked = [{ limit: 'anonymous', subject: '192.0.2.7/32' }] as const;
    const decisions = (await Promise.all(takers.map((each) => each?.(asked)))).flatMap((each) => each ?? []);
    const allowed = decisions.filter((each) => each.allowed);
    expect(decisions).toHaveLength(1_000);
    expect(allowed).toHaveLength(100);
    expect(allowed.map(({ remaining }) => remaining).toSorted((a, b) => a - b)).toEqual([...Array(100).keys()]);
    const [refused] = decisions.filter((each) => !each.allowed);
    expect(refused).toMatchObject({ calls: 100, remaining: 0, limit: 'anonymous' });
    expect(refused?.retryAfterSeconds).toBeGreaterThan(30);
    expect(refused?.retryAfterSeconds).toBeLessThanOrEqual(36);
    const secondsToReset = (refused?.resetsAt ?? 0) - Date.now() / 1_000;
    expect(secondsToReset).toBeGreaterThan(3_590);
    expect(secondsToReset).toBeLessThanOrEqual(3_601);
  });

  it('take from all or from none', async () => {
    let now = start;
    const take = redisBuckets({ redis: connection(), limits, prefix: prefix(), now: () => now });
    const [signups, logins] = [{ limit: 'signups', subject: 'a' } as const, { limit: 'logins', subject: 'a' } as const];
    for (let left = 4; left >= 0; left--) expect((await take([signups]))[0]?.remaining).toBe(left);
    const both = await take([logins, signups]);
    expect(both.map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
      [true, 7],
      [false, 0],
    ]);
    now += 720_000_000;
    expect((await take([logins, signups])).map(({ remaining }) => remaining)).toEqual([6, 0]);
  });

  it('of two subjects, and of two limits, are apart', async () => {
    const take = redisBuckets({ redis: connection(), limits, prefix: prefix() });
    for (let i = 0; i < 5; i++) await take([{ limit: 'signups', subject: 'a' }]);
    expect((await take([{ limit: 'signups', subject: 'a' }]))[0]?.allowed).toBe(false);
    expect((await take([{ limit: 'signups', subject: 'b' }]))[0]?.remaining).toBe(4);
    expect((await take([{ limit: 'logins', subject: 'a' }]))[0]?.remaining).toBe(6);
  });

  it('fill from empty where the clock was set back: they give nothing for it, and refuse no calls for as long', async () => {
    let now = start;
    const take = redisBuckets({ redis: connection(), limits, prefix: prefix(), now: () => now });
    const asked = [{ limit: 'logins', subject: 'a' }] as const;
    for (let left = 6; left >= 0; left--) await take(asked);
    expect((await take(asked))[0]?.allowed).toBe(false);
    now -= 10_000;
    expect((await take(asked))[0]?.allowed).toBe(false);
    now -= 3_600_000_000;
    expect((await take(asked))[0]).toMatchObject({ allowed: false, retryAfterSeconds: 9 });
    now += 9_000_000;
    expect((await take(asked))[0]).toMatchObject({ allowed: true, remaining: 0 });
  });

  it('leave nothing behind once they are full', async () => {
    const all = prefix();
    const take = redisBuckets({ redis: connection(), limits, prefix: all });
    await take([{ limit: 'caller', subject: 'user:a' }]);
    const left = await connection().pttl(`${all}caller:user:a`);
    expect(left).toBeLessThanOrEqual(11);
  });

  it('count as the arithmetic of runtime/limits says, call by call', async () => {
    const calls = fc.array(fc.tuple(fc.integer({ min: 0, max: 20_000_000 }), fc.integer({ min: 1, max: 3 })), {
      minLength: 1,
      maxLength: 30,
    });
    const property = fc.asyncProperty(calls, async (sequence) => {
      let now = start;
      let fullAt: number | undefined;
      const take = redisBuckets({ redis: connection(), limits, prefix: prefix(), now: () => now });
      const rate = rateOf(limits.logins);
      for (const [step, tokens] of sequence) {
        now += step;
        const expected = taking(rate, fullAt, now, tokens);
        if (expected.wait === 0) fullAt = expected.fullAt;
        const [decision] = await take([{ limit: 'logins', subject: 'a' }], tokens);
        expect(decision).toEqual({
          limit: 'logins',
          calls: 7,
          allowed: expected.wait === 0,
          remaining: tokensIn(rate, fullAt, now),
          resetsAt: Math.ceil(Math.max(fullAt ?? now, now) / 1_000_000),
          retryAfterSeconds: Math.ceil(expected.wait / 1_000_000),
        });
      }
    });
    await fc.assert(property, { numRuns: 50 });
  });
});
