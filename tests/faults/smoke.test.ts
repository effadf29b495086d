// The fault harness itself, in short, on a few parts: Valkey is killed, redirects and creates do not notice; Postgres is
// killed, and redirects do not.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { closedAfter, openedAfter, watchBreakers } from './judge/judge.ts';
import { openWorld, type World } from './world/world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(
    {
      parts: ['postgres', 'valkey', 'identity', 'link', 'resolver-1', 'gateway-access', 'envoy'],
      links: { cached: 10, cold: 300 },
      env: { HOP_BREAKER_RESET_MS: '1000', HOP_RESOLVER_L1_ENTRIES: '100' },
    },
    () => {},
  );
});
afterAll(() => world?.close());

it('keeps redirects and creates alive while Valkey is away for 3 s', async () => {
  const load = await world.load({ rates: { cached: 40, cold: 40, create: 2, read: 5 }, durationMs: 30_000 });
  const breakers = watchBreakers(world, 'redis', ['resolver-1']);
  await world.mesh.hold('valkey', 'SIGKILL');
  const downAt = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  await world.mesh.release('valkey');
  const upAt = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const changes = await breakers.stop();
  const { ledger, complaints, created } = await load.stop();
  expect(ledger.failed, complaints.join('\n')).toEqual([]);
  expect(ledger.of('cached', 'cold').answers.length).toBeGreaterThan(200);
  expect(created.length).toBe(ledger.of('create').answers.length);
  expect(openedAfter(changes, downAt)).toBeLessThan(3_000);
  expect(closedAfter(changes, upAt)).toBeLessThan(3_000);
});

it('keeps redirects and every process alive while Postgres is away for 8 s, longer than Watch may be silent', async () => {
  const load = await world.load({ rates: { cached: 40 }, durationMs: 40_000 });
  await world.mesh.hold('postgres', 'SIGKILL');
  await new Promise((resolve) => setTimeout(resolve, 8_000));
  await world.mesh.release('postgres');
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const { ledger, complaints } = await load.stop();
  expect(world.mesh.crashes()).toEqual([]);
  expect(ledger.failed, complaints.join('\n')).toEqual([]);
  expect(ledger.of('cached').answers.length).toBeGreaterThan(300);
});
