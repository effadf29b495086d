import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RateLimitResponse_Code as Code, RateLimitService } from '#gen-envoy/service/ratelimit/v3/rls_pb.ts';
import { loadConfig } from '#runtime/config/config.ts';
import { rateLimitTable } from '#runtime/limits/rate-limits.ts';
import { createRedis, type Redis, whenReady } from '#runtime/redis/redis.ts';
import { service } from '#runtime/rpc/serve.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { startTestServer, type TestServer } from '#runtime/testing/test-server.ts';
import { startValkey, type TestValkey } from '#runtime/testing/valkey.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { redisBuckets } from './buckets.redis.ts';
import { guardedBuckets } from './guarded-buckets.ts';
import { createRateLimits } from './handlers.ts';

const limits = loadConfig(rateLimitTable, { HOP_LIMIT_LOGINS_PER_MINUTE: '2' });

let valkey: TestValkey;
let redis: Redis;
let buckets: ReturnType<typeof guardedBuckets>;
let server: TestServer;

/** Buckets that give Valkey so long, of which a call waits for its patience, and who answers by them. */
async function open(timeoutMs: number, patienceMs = timeoutMs): Promise<void> {
  redis = createRedis(valkey.url, { name: 'test', commandTimeoutMs: timeoutMs, log: silentLog });
  await whenReady(redis);
  buckets = guardedBuckets(redisBuckets({ redis, limits }), {
    timeoutMs,
    patienceMs,
    resetMs: 300,
    log: silentLog,
  });
  server = await startTestServer({
    services: [service(RateLimitService, createRateLimits({ buckets }), { access: 'edge' })],
  });
}
async function close(): Promise<void> {
  await server.stop();
  buckets.shutdown();
  redis.disconnect();
}

beforeEach(async () => {
  valkey = await startValkey();
  await open(1_000);
});
afterEach(async () => {
  await close();
  await valkey.stop();
});

async function ask(...descriptors: (readonly [limit: string, subject: string])[]) {
  const answer = await server.client(RateLimitService).shouldRateLimit({
    domain: 'hopline',
    descriptors: descriptors.map(([limit, subject]) => ({
      entries: [
        { key: 'limit', value: limit },
        { key: 'masked_remote_address', value: subject },
      ],
    })),
  });
  const headers = Object.fromEntries(answer.responseHeadersToAdd.map(({ key, value }) => [key, value]));
  return { code: answer.overallCode, headers, statuses: answer.statuses.map(({ code }) => code) };
}

const now = (): number => Date.now() / 1_000;

describe('ShouldRateLimit', () => {
  it('tells the same headers of an allowed and of a refused call', async () => {
    const first = await ask(['logins', 'a']);
    expect([first.code, first.headers]).toEqual([
      Code.OK,
      { 'x-ratelimit-limit': '2', 'x-ratelimit-remaining': '1', 'x-ratelimit-reset': expect.any(String) },
    ]);
    expect(Number(first.headers['x-ratelimit-reset']) - now()).toBeGreaterThan(28);
    await ask(['logins', 'a']);
    const third = await ask(['logins', 'a']);
    expect([third.code, third.headers]).toEqual([
      Code.OVER_LIMIT,
      {
        'x-ratelimit-limit': '2',
        'x-ratelimit-remaining': '0',
        'x-ratelimit-reset': expect.any(String),
        'retry-after': expect.stringMatching(/^(29|30)$/),
      },
    ]);
    expect(Number(third.headers['x-ratelimit-reset']) - now()).toBeGreaterThan(58);
  });

  it('refuses a call when one of its limits does, and tells of that one', async () => {
    await ask(['logins', 'b']);
    await ask(['logins', 'b']);
    const both = await ask(['caller', 'user:b'], ['logins', 'b']);
    expect([both.code, both.statuses]).toEqual([Code.OVER_LIMIT, [Code.OK, Code.OVER_LIMIT]]);
    expect(both.headers['x-ratelimit-limit']).toBe('2');
    expect((await ask(['caller', 'user:b'])).headers['x-ratelimit-remaining']).toBe('5999');
  });

  it('counts nothing that it has no limit for', async () => {
    for (const unknown of [
      ['toString', 'a'],
      ['logins', ''],
      ['', 'a'],
    ] as const)
      expect(await ask(unknown)).toEqual({ code: Code.OK, headers: {}, statuses: [Code.OK] });
  });

  it('lets all through at once while Valkey is away, uncounted, and counts on when it is back', async () => {
    const { port } = valkey;
    await ask(['logins', 'c']);
    await valkey.stop();
    for (let i = 0; i < 20; i++) expect(await ask(['logins', 'c'])).toMatchObject({ code: Code.OK, headers: {} });
    const startedAt = performance.now();
    await ask(['logins', 'c']);
    expect(performance.now() - startedAt).toBeLessThan(500);
    valkey = await startValkey({ port });
    const counts = async (): Promise<boolean> => 'x-ratelimit-limit' in (await ask(['logins', 'c'])).headers;
    await waitFor(counts, { timeoutMs: 5_000 });
  });

  it('waits for a Valkey that hangs a few times, and no more', async () => {
    await close();
    await open(400, 100);
    await ask(['logins', 'd']);
    process.kill(valkey.pid, 'SIGSTOP');
    const waits: number[] = [];
    for (let i = 0; i < 50; i++) {
      const startedAt = performance.now();
      expect((await ask(['logins', 'd'])).code).toBe(Code.OK);
      waits.push(performance.now() - startedAt);
    }
    process.kill(valkey.pid, 'SIGCONT');
    // Counted, not timed: a machine that stands still makes one of them longer.
    const waited = waits.filter((ms) => ms > 90).length;
    expect(waited).toBeGreaterThan(0);
    expect(waited).toBeLessThan(20);
    // For as long as its patience, not as long as Valkey is given.
    expect(waits.filter((ms) => ms > 350).length).toBeLessThan(3);
  });
});
