// Faults of the cache. Every process that uses it reaches it through one proxy.
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { atLeast, atMost, exactly, type FaultCase, type Finding, type Verdict } from '../case.ts';
import { closedAfter, createsSucceed, openedAfter, redirectsSucceed, watchBreakers } from '../judge/judge.ts';
import type { Ledger } from '../load/ledger.ts';
import { call, expectStatus } from '../world/front-door.ts';
import { passwordsOf, superuser } from '../world/postgres.ts';
import { breakerResetMs, type Rates, type World, type WorldOptions } from '../world/world.ts';

const mesh: WorldOptions = {
  proxies: { cache: { from: ['resolver-1', 'resolver-2', 'link', 'gateway-access'], to: 'valkey' } },
};

/** Below the published capacity of the cold path. */
const peak: Rates = { cached: 300, cold: 300, create: 5 };
const baselineMs = 10_000;
const faultMs = 30_000;
const twoResetsMs = 2 * breakerResetMs;

/** Runs the load before, while and after `fault`, which answers when the part was whole again. */
async function underLoad(world: World, fault: () => Promise<number>) {
  const load = await world.load({ rates: peak, durationMs: 180_000 });
  await world.pause(baselineMs);
  const breakers = watchBreakers(world, 'redis');
  const faultAt = Date.now();
  const backAt = await fault();
  await sleep(twoResetsMs + 2_000);
  const changes = await breakers.stop();
  const { ledger } = await load.stop();
  return { ledger: ledger.between(faultAt, Number.POSITIVE_INFINITY), changes, faultAt, backAt };
}

const opens = (seen: Awaited<ReturnType<typeof underLoad>>): Finding =>
  atMost('both breakers open after', openedAfter(seen.changes, seen.faultAt), 1_000, 'ms');
const closes = (seen: Awaited<ReturnType<typeof underLoad>>): Finding =>
  atMost('both closed again after', closedAfter(seen.changes, seen.backAt), twoResetsMs, 'ms');
/** The cold ones by themselves as well: Envoy's hot set may answer the others without any store. */
const redirects = (ledger: Ledger): Finding[] => [
  redirectsSucceed(ledger),
  { ...redirectsSucceed(ledger.of('cold')), what: 'of them cold' },
];
const quickEnough = (ledger: Ledger): Finding =>
  atMost('p99 of redirects', ledger.of('cached', 'cold').quantile(0.99), 250, 'ms');

const opensAndCloses =
  'redirects at 600/s 99.99 % successful; the breakers open within 1 s and close within twice their reset time of the return; no create fails';

async function judged(world: World, fault: () => Promise<number>): Promise<Verdict> {
  const seen = await underLoad(world, fault);
  return [...redirects(seen.ledger), quickEnough(seen.ledger), opens(seen), closes(seen), createsSucceed(seen.ledger)];
}

const killed: FaultCase = {
  name: 'valkey-killed',
  part: 'Valkey',
  title: 'killed, away for 30 s, back empty',
  criterion: opensAndCloses,
  mesh,
  run: (world) => judged(world, async () => (await world.killFor('valkey', faultMs)).upAt),
};

const swallowed: FaultCase = {
  name: 'valkey-black-hole',
  part: 'Valkey',
  title: 'takes connections and bytes and answers nothing for 30 s',
  criterion: opensAndCloses,
  mesh,
  run: (world) => judged(world, () => faultOfProxy(world, { kind: 'hole' })),
};

const slowed: FaultCase = {
  name: 'valkey-slow',
  part: 'Valkey',
  title: 'answers 200 ms later for 30 s',
  criterion: opensAndCloses,
  mesh,
  // Half of it on each way.
  run: (world) => judged(world, () => faultOfProxy(world, { kind: 'delay', ms: 100 })),
};

async function faultOfProxy(world: World, mode: Parameters<ReturnType<World['proxy']>['set']>[0]): Promise<number> {
  const proxy = world.proxy('cache');
  proxy.set(mode);
  await world.pause(faultMs);
  proxy.set({ kind: 'pass' });
  return Date.now();
}

const codesAsked = 100;
const crowd = 40;

const flushed: FaultCase = {
  name: 'valkey-flushed',
  part: 'Valkey',
  title: 'FLUSHALL at peak, three times; then 40 people at once for each of 100 links that only Postgres has',
  criterion:
    'redirects at 600/s 99.99 % successful; one query at most for a code at a time in each resolver; no create fails',
  mesh,
  async run(world) {
    const { ledger } = await underLoad(world, async () => {
      for (let time = 0; time < 3; time++) {
        await flush(world);
        await world.pause(5_000);
      }
      return Date.now();
    });
    const queries = await queriesOfCrowds(world);
    return [
      ...redirects(ledger),
      quickEnough(ledger),
      createsSucceed(ledger),
      atMost('queries of both resolvers for 100 codes', queries, 2 * codesAsked),
    ];
  },
};

async function withValkey<Result>(world: World, ask: (redis: Redis) => Promise<Result>): Promise<Result> {
  const redis = new Redis({ port: world.mesh.ports.valkey, password: passwordsOf(world).valkey });
  return ask(redis).finally(() => redis.disconnect());
}

const flush = (world: World): Promise<unknown> => withValkey(world, (redis) => redis.flushall());

const copied = 40;
const watchedMs = 20_000;

const oldCopy: FaultCase = {
  name: 'valkey-old-copy',
  part: 'Valkey',
  title:
    'saves its data; 40 of 80 links are deleted; it is killed and comes back with the old data, and both resolvers are killed, so that nothing is left in memory',
  criterion: 'no deleted link is followed in the 20 s from then on, and the other links are, at their end',
  mesh: {},
  async run(world) {
    const links = await world.makeLinks(2 * copied);
    const [deleted, others] = [links.slice(0, copied), links.slice(copied)];
    const inCopy = await withValkey(world, async (redis) => {
      await redis.save();
      return redis.dbsize();
    });
    const { token } = world.account;
    for (const { code } of deleted)
      await expectStatus(200, `${world.mesh.url}/api/v1/urls/${code}`, { method: 'DELETE', token });
    const killed = (['valkey', 'resolver-1', 'resolver-2'] as const).map((part) => world.killFor(part, 0));
    const until = Date.now() + watchedMs;
    const seen = { followed: 0, refused: 0 };
    for (let at = 0; Date.now() < until; at++) {
      const code = deleted[at % copied]?.code;
      // Meanwhile a resolver may be away.
      const answer = await call(`${world.mesh.url}/${code}`).catch(() => undefined);
      if (answer?.status === 302) seen.followed++;
      if (answer?.status === 410) seen.refused++;
      await sleep(10);
    }
    await Promise.all(killed);
    const answers = await Promise.all(others.map(({ code }) => call(`${world.mesh.url}/${code}`)));
    return [
      atLeast('entries saved', inCopy, 2 * copied),
      exactly('deleted links followed', seen.followed, 0),
      atLeast('times that they were refused', seen.refused, copied),
      exactly('of the others followed', answers.filter(({ status }) => status === 302).length, copied),
    ];
  },
};

/**
 * Asks for new links, many at once for each; answers how often Postgres was asked, counted by Postgres. Meanwhile gateway-edge is
 * away: it reads by the same index what begins to be followed.
 */
async function queriesOfCrowds(world: World): Promise<number> {
  const links = await world.makeLinks(codesAsked);
  await world.mesh.hold('gateway-edge');
  await sleep(statisticsMs);
  const before = await lookups(world);
  const begun = Date.now();
  await flush(world);
  for (const { code } of links) {
    const visit = () => expectStatus(302, `${world.mesh.url}/${code}`);
    await Promise.all(Array.from({ length: crowd }, visit));
  }
  await sleep(statisticsMs);
  const after = await lookups(world);
  // The resolvers keep their connections warm with look-ups of no code, which go by the same index.
  await sleep(Date.now() - begun);
  const alone = (await lookups(world)) - after;
  await world.mesh.release('gateway-edge');
  return after - before - alone;
}

/** A session tells what it counted once it was idle for 10 s. */
const statisticsMs = 12_000;

async function lookups(world: World): Promise<number> {
  const count = async (server: 'postgres' | 'postgres-replica'): Promise<number> => {
    const client = await superuser(world, server);
    const text = `select idx_scan::int as count from pg_stat_user_indexes where schemaname = 'link' and indexrelname = 'links_pkey'`;
    const { rows } = await client.query<{ count: number }>(text).finally(() => client.end());
    return rows[0]?.count ?? Number.NaN;
  };
  return (await count('postgres')) + (await count('postgres-replica'));
}

export const cases = [killed, slowed, swallowed, flushed, oldCopy];
