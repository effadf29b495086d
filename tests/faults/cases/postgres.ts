// Faults of Postgres: the primary, the replica, both; killed, frozen, and away from synchronous commits.
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { familyOf, memoryOf, signal } from '../../../compose/local/supervisor/processes.ts';
import { follow } from '../../support/metrics.ts';
import { atLeast, atMost, exactly, type FaultCase, type Finding } from '../case.ts';
import { createsMostUsualMs, p99LikeBefore, redirectsSucceed } from '../judge/judge.ts';
import type { Answer, Ledger } from '../load/ledger.ts';
import type { LoadPlan } from '../load/load.ts';
import { passwordsOf } from '../world/postgres.ts';
import type { Rates, World, WorldOptions } from '../world/world.ts';

const mesh: WorldOptions = {};
const rates: Rates = { cached: 100, cold: 100, create: 20 };
const baselineMs = 15_000;
const afterMs = 10_000;
const healMs = 5_000;
const refusalMs = 250;
/** A statement has 2 s and Postgres's client half a second more to be sure of it, and a connection is waited for for 1 s. */
const boundMs = 3_500;
/** The longest queue of the link service's pool (HOP_LINK_POOL_QUEUE). */
const poolQueue = 512;

interface Seen {
  readonly before: Ledger;
  readonly during: Ledger;
  /** From the fault to the end of the load. */
  readonly since: Ledger;
  readonly backAt: number;
}

/** Runs the load before, while and after `fault`, which answers when all was whole again. */
async function underLoad(
  world: World,
  fault: () => Promise<number>,
  more: Pick<LoadPlan, 'cachedPastHotSet'> = {},
): Promise<Seen> {
  const load = await world.load({ rates, durationMs: 240_000, ...more });
  await world.pause(baselineMs);
  const faultAt = Date.now();
  const backAt = await fault();
  await sleep(afterMs);
  const { ledger } = await load.stop();
  world.say(`    creates: ${JSON.stringify(ledger.between(faultAt, backAt).of('create').statuses())}`);
  return {
    before: ledger.between(load.startedAt, faultAt),
    during: ledger.between(faultAt, backAt),
    since: ledger.between(faultAt, Number.POSITIVE_INFINITY),
    backAt,
  };
}

const slowest = (answers: readonly Answer[]): number =>
  answers.reduce((longest, { latency }) => Math.max(longest, latency), 0);

/** What became of the creates that were not answered 201. */
function refusals({ during }: Seen, limitMs: number): Finding[] {
  const refused = during.of('create').failed;
  const proper = refused.filter(({ status, retryAfter }) => status === 503 && retryAfter).length;
  return [
    atLeast('creates refused', refused.length, 1),
    exactly('of them not 503 with Retry-After', refused.length - proper, 0),
    atMost('slowest refused create', slowest(refused), limitMs, 'ms'),
  ];
}

function heals({ since, backAt }: Seen): Finding {
  const last = since.of('create').failed.at(-1)?.at ?? backAt;
  return atMost('the last create fails, after the return', Math.max(0, last - backAt), healMs, 'ms');
}

async function forgetCache(world: World): Promise<void> {
  const redis = new Redis({ port: world.mesh.ports.valkey, password: passwordsOf(world).valkey });
  await redis.flushall();
  redis.disconnect();
}

const primaryKilled: FaultCase = {
  name: 'postgres-primary-killed',
  part: 'Postgres',
  title: 'primary killed, away for 60 s; after 20 s of them the cache is emptied, so that the replica has to answer',
  criterion:
    'redirects 100 % as before; creates 503 with Retry-After within 250 ms; creates work again within 5 s of its return',
  mesh,
  async run(world) {
    const seen = await underLoad(world, async () => {
      await world.mesh.hold('postgres', 'SIGKILL');
      await world.pause(20_000);
      await forgetCache(world);
      await world.pause(40_000);
      await world.mesh.release('postgres');
      return Date.now();
    });
    return [redirectsSucceed(seen.since, 100), ...refusals(seen, refusalMs), heals(seen)];
  },
};

const replicaKilled: FaultCase = {
  name: 'postgres-replica-killed',
  part: 'Postgres',
  title: 'the cache is emptied; 15 s later it is emptied again and the replica killed, away for 30 s',
  criterion: 'no effect: redirects and creates 100 %, their p99 within 1.5 times that with an empty cache before',
  mesh,
  async run(world) {
    await forgetCache(world);
    const seen = await underLoad(world, async () => {
      await world.mesh.hold('postgres-replica', 'SIGKILL');
      await forgetCache(world);
      await world.pause(30_000);
      await world.mesh.release('postgres-replica');
      return Date.now();
    });
    return [
      redirectsSucceed(seen.since, 100),
      atLeast('creates answered 201', 100 * seen.since.of('create').success, 100, '%'),
      p99LikeBefore('redirects', seen.before.of('cached', 'cold'), seen.since.of('cached', 'cold')),
      p99LikeBefore('creates', seen.before.of('create'), seen.since.of('create'), {
        mostUsualMs: createsMostUsualMs,
      }),
    ];
  },
};

const allKilled: FaultCase = {
  name: 'postgres-all-killed',
  part: 'Postgres',
  title: 'primary and replica killed, away for 30 s, with an empty cache',
  criterion:
    'links in the memory of resolvers resolve, 100 %; others and creates 503 with Retry-After within 250 ms; heals within 5 s',
  mesh,
  async run(world) {
    const servers = ['postgres', 'postgres-replica'] as const;
    const bothAway = async (): Promise<number> => {
      await Promise.all(servers.map((server) => world.mesh.hold(server, 'SIGKILL')));
      await forgetCache(world);
      await world.pause(30_000);
      await world.mesh.release('postgres');
      await world.mesh.release('postgres-replica');
      return Date.now();
    };
    // What Envoy's hot set alone has answered recently is in no other memory, and its lease ends with the primary.
    const seen = await underLoad(world, bothAway, { cachedPastHotSet: true });
    const cold = seen.during.of('cold');
    const proper = cold.failed.filter(({ status, retryAfter }) => status === 503 && retryAfter).length;
    const late = seen.since.of('cold').failed.at(-1)?.at ?? seen.backAt;
    return [
      atLeast('correct redirects of links in memory', 100 * seen.since.of('cached').success, 100, '%'),
      atLeast('links that nobody has: refused', cold.failed.length, 1),
      exactly('of them not 503 with Retry-After', cold.failed.length - proper, 0),
      atMost('slowest refused link', slowest(cold.failed), refusalMs, 'ms'),
      ...refusals(seen, refusalMs),
      heals(seen),
      atMost('the last redirect fails, after the return', Math.max(0, late - seen.backAt), 2 * healMs, 'ms'),
    ];
  },
};

const mib = 1024 * 1024;

const primaryFrozen: FaultCase = {
  name: 'postgres-primary-frozen',
  part: 'Postgres',
  title: 'every process of the primary stopped (SIGSTOP) for 20 s',
  criterion:
    'redirects 100 %; creates refused within 3.5 s (a statement 2.5 s, a connection 1 s); at most 512 wait in the pool; the link service grows by 64 MiB at most; heals within 5 s',
  mesh,
  async run(world) {
    const link = world.mesh.pid('link');
    const resident = (): number => (memoryOf([link]).get(link)?.rss ?? Number.NaN) / mib;
    const waiting = follow(world.mesh.ports['link-metrics'], 'hop_postgres_connections', {
      pool: 'link',
      state: 'waiting',
    });
    const before = resident();
    let frozen = Number.NaN;
    const seen = await underLoad(world, async () => {
      const family = familyOf(world.mesh.pid('postgres'));
      for (const identity of family) signal(identity, 'SIGSTOP');
      await world.pause(20_000);
      frozen = resident();
      for (const identity of family) signal(identity, 'SIGCONT');
      return Date.now();
    });
    const most = Math.max(...(await waiting.stop()).flatMap(({ value }) => value ?? []));
    return [
      redirectsSucceed(seen.since, 100),
      ...refusals(seen, boundMs),
      // That some do shows that the figure is there.
      atLeast('waiting for a connection at once', most, 1),
      atMost('waiting for a connection at once', most, poolQueue),
      atMost('growth of the link service', frozen - before, 64, 'MiB'),
      heals(seen),
    ];
  },
};

const synchronousMesh: WorldOptions = { env: { HOP_SYNCHRONOUS_REPLICATION: 'on' } };

const synchronousReplicaAway: FaultCase = {
  name: 'postgres-synchronous-replica-away',
  part: 'Postgres',
  title: 'synchronous replication on, the replica killed and away for 30 s',
  criterion:
    'no create is answered 201 while no replica has it: 503 with Retry-After within 3.5 s; redirects 100 %; heals within 5 s',
  mesh: synchronousMesh,
  async run(world) {
    let heldAt = Number.NaN;
    const seen = await underLoad(world, async () => {
      await world.mesh.hold('postgres-replica', 'SIGKILL');
      heldAt = Date.now();
      await world.pause(30_000);
      await world.mesh.release('postgres-replica');
      return Date.now();
    });
    // Those that were due just before the return may have been answered by it.
    const away = seen.during.between(heldAt, seen.backAt - boundMs).of('create');
    return [
      redirectsSucceed(seen.since, 100),
      exactly('creates answered 201 while it is away', away.answers.length - away.failed.length, 0),
      ...refusals(seen, boundMs),
      heals(seen),
    ];
  },
};

export const cases = [primaryKilled, replicaKilled, allKilled, primaryFrozen, synchronousReplicaAway];
