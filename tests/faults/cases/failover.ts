// The replica takes over, under load; afterwards every link that was acknowledged is followed.
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { concurrently } from '../../support/concurrently.ts';
import { scrape, sumOf } from '../../support/metrics.ts';
import { atLeast, atMost, exactly, type FaultCase, type Finding, type Verdict } from '../case.ts';
import type { LoadResult, Target } from '../load/load.ts';
import { call } from '../world/front-door.ts';
import { superuser } from '../world/postgres.ts';
import type { Rates, World, WorldOptions } from '../world/world.ts';

const rates: Rates = { cached: 100, cold: 100, create: 30 };
const resumeMs = 30_000;
const resolvers = ['resolver-1', 'resolver-2'] as const;

interface Seen extends LoadResult {
  readonly faultAt: number;
  /** When the failover was asked for. */
  readonly askedAt: number;
}

/** `before` is what happens to the primary ahead of the failover. */
async function failOver(world: World, before: () => Promise<unknown>): Promise<Seen> {
  await replicaStreams(world);
  const load = await world.load({ rates, durationMs: 180_000 });
  await world.pause(15_000);
  const faultAt = Date.now();
  await before();
  const askedAt = Date.now();
  await world.mesh.failover();
  world.say(`    promoted ${Date.now() - askedAt} ms after it was asked for`);
  await sleep(20_000);
  return { ...(await load.stop()), faultAt, askedAt };
}

async function replicaStreams(world: World): Promise<void> {
  const client = await superuser(world);
  const query = "select from pg_stat_replication where state = 'streaming'";
  const streams = async (): Promise<boolean> => (await client.query(query)).rowCount === 1;
  await waitFor(streams, { timeoutMs: 30_000 }).finally(() => client.end());
}

function resumes({ ledger, askedAt }: Seen): Finding[] {
  const creates = ledger.of('create').between(askedAt, Number.POSITIVE_INFINITY);
  const last = creates.failed.at(-1)?.at ?? askedAt;
  return [
    atMost('the last create fails, after the command', (last - askedAt) / 1_000, resumeMs / 1_000, 's'),
    atLeast('creates answered 201 after that', creates.between(last + 1, Number.POSITIVE_INFINITY).answers.length, 100),
  ];
}

const redirects = ({ ledger, faultAt }: Seen): Finding =>
  atLeast(
    'correct redirects',
    100 * ledger.between(faultAt, Number.POSITIVE_INFINITY).of('cached', 'cold').success,
    99.99,
    '%',
  );

/** How many of the links do not lead where they have to. */
async function astray(world: World, links: readonly Target[]): Promise<Target[]> {
  const wrong: Target[] = [];
  await concurrently(links.length, 16, async (index) => {
    const link = links[index] as Target;
    const { status, headers } = await call(`${world.mesh.url}/${link.code}`);
    if (status !== 302 || headers.get('location') !== link.destination) wrong.push(link);
  });
  return wrong;
}

/** A code that exists is refused by the table and another one is taken: only the link service knows. Nobody chose an alias. */
async function numbersOnce(world: World): Promise<Finding> {
  const figures = (await scrape(world.mesh.ports['link-metrics'])) ?? '';
  return exactly('numbers handed out twice', sumOf(figures, 'hop_link_codes_taken_total') ?? Number.NaN, 0);
}

/** What no table can refuse: a code whose first link was lost. */
const codesOnce = ({ created }: Seen): Finding =>
  exactly('codes handed out twice', created.length - new Set(created.map(({ code }) => code)).size, 0);

/** Each resolver has said that it begins anew, and the new replica streams from the new primary. */
async function settled(world: World): Promise<Finding[]> {
  const count = resolvers.filter((name) => /resynchronising/.test(world.mesh.log(name, 5_000))).length;
  const streams = await replicaStreams(world).then(
    () => 1,
    () => 0,
  );
  return [
    exactly('resolvers that resynchronised', count, 2),
    exactly('replicas that follow the new primary', streams, 1),
  ];
}

async function judge(world: World, seen: Seen): Promise<Verdict> {
  const lost = await astray(world, seen.created);
  world.say(`    ${seen.created.length} links were acknowledged, ${lost.length} do not lead where they have to`);
  return [
    ...resumes(seen),
    redirects(seen),
    exactly(`of ${seen.created.length} acknowledged links lost`, lost.length, 0),
    await numbersOnce(world),
    ...(await settled(world)),
  ];
}

const synchronous: WorldOptions = { env: { HOP_SYNCHRONOUS_REPLICATION: 'on' } };
const asynchronous: WorldOptions = {};

const killed: FaultCase = {
  name: 'failover-primary-killed',
  part: 'Failover',
  title: 'synchronous replication on: primary killed, failover 5 s later',
  criterion:
    'creates work within 30 s of the command; no acknowledged link is lost, no number handed out twice; redirects 99.99 %; every resolver resynchronises',
  mesh: synchronous,
  run: async (world) =>
    judge(
      world,
      await failOver(world, async () => {
        await world.mesh.hold('postgres', 'SIGKILL');
        await world.pause(5_000);
      }),
    ),
};

const planned: FaultCase = {
  name: 'failover-planned',
  part: 'Failover',
  title: 'synchronous replication off: failover while the primary is well',
  criterion:
    'creates work within 30 s of the command; no acknowledged link is lost, no number handed out twice; redirects 99.99 %; every resolver resynchronises',
  mesh: asynchronous,
  run: async (world) => judge(world, await failOver(world, async () => {})),
};

const lostTail: FaultCase = {
  name: 'failover-lost-tail',
  part: 'Failover',
  title:
    'synchronous replication off: the replica stops applying and receiving for 10 s, then the primary is killed and it takes over',
  criterion:
    'creates work within 30 s of the command; what was acknowledged before the gap and after it is there; no code or number is handed out twice, not even one that was lost; every code that exists is found',
  mesh: { proxies: { replication: { from: ['postgres-replica'], to: 'postgres' } } },
  async run(world) {
    let gapAt = Number.NaN;
    const seen = await failOver(world, async () => {
      gapAt = Date.now();
      world.proxy('replication').set({ kind: 'hole' });
      await world.pause(10_000);
      await world.mesh.hold('postgres', 'SIGKILL');
      world.proxy('replication').set({ kind: 'pass' });
    });
    const made = seen.ledger.of('create').answers.filter(({ ok }) => ok);
    const inGap = made.filter(({ at }) => at >= gapAt - 1_000 && at < seen.askedAt).length;
    const lost = await astray(world, seen.created);
    world.say(`    ${lost.length} of ${inGap} links that were acknowledged in the gap are lost`);
    return [
      ...resumes(seen),
      atLeast('links lost, which asynchronous replication allows', lost.length, 1),
      atMost('links lost, but not of the gap', Math.max(0, lost.length - inGap), 0),
      codesOnce(seen),
      await numbersOnce(world),
      ...(await settled(world)),
    ];
  },
};

export const cases = [killed, planned, lostTail];
