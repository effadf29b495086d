// What was answered by Envoy itself comes to the resolvers at once: because the lease lapsed, or in a storm of changes.
import { setTimeout as sleep } from 'node:timers/promises';
import type { PartName } from '../../../compose/local/graph.ts';
import { concurrently } from '../../support/concurrently.ts';
import { atLeast, atMost, exactly, type FaultCase, type Finding, type Verdict } from '../case.ts';
import { type Goodput, goodput, peakOf, runFlood } from '../judge/cold-peak.ts';
import { type EditChecker, startEditChecker } from '../judge/edits/edit-checker.ts';
import { redirectsSucceed } from '../judge/judge.ts';
import type { FloodResult, Second } from '../load/flood.ts';
import type { Target } from '../load/load.ts';
import { call } from '../world/front-door.ts';
import { allHot, answeredByEnvoy, figure, hotLinks, hotMesh as mesh, until, untilAllHot } from '../world/hot-mesh.ts';
import type { World } from '../world/world.ts';

const part = 'Hot set, all at once';
const byEnvoy = (world: World): Promise<number> => figure(world, 'hop_edge_follows_total', { tier: 'edge' });

const timesCold = 3;
const beforeMs = 12_000;
const awayMs = 10_000;
const afterMs = 18_000;
/** A lease ends so long after what renews it died. */
const leaseMs = 2_000;
const recoveryMs = 10_000;
/** A link that was edited again and again is left out for a minute (gateway/edge/hot/tracking/flap-damping.ts). */
const outsideMs = 65_000;
const resolvers: readonly PartName[] = ['resolver-1', 'resolver-2'];

/** The whole seconds of a flood that lie between two moments, milliseconds since 1970. */
function secondsBetween({ startedAt, seconds }: FloodResult, from: number, to: number): readonly Second[] {
  return seconds.slice(Math.max(0, Math.ceil((from - startedAt) / 1_000)), Math.floor((to - startedAt) / 1_000));
}

const sumOf = (seconds: readonly Second[], what: keyof Second): number =>
  seconds.reduce((sum, second) => sum + second[what], 0);
const share = (seconds: readonly Second[], what: keyof Second): number =>
  (100 * sumOf(seconds, what)) / sumOf(seconds, 'due');

/** Seconds from `since` to the first second from which on 99.9 % are answered in time, to the end of the flood. */
function recovery(flood: FloodResult, since: number): number {
  const seconds = secondsBetween(flood, since, Number.POSITIVE_INFINITY);
  const first = seconds.findIndex((_, index) => share(seconds.slice(index), 'good') >= 99.9);
  return first < 0 ? Number.NaN : first + 1;
}

function whileCold(flood: FloodResult, cold: readonly Second[], peak: Goodput): Finding[] {
  const seen = goodput(cold);
  const neither = share(cold, 'late') + share(cold, 'broken') + share(cold, 'unsent');
  const inTime = `${Math.round(share(cold, 'good'))} % of ${Math.round(sumOf(cold, 'due') / cold.length)}/s answered in time`;
  return [
    atLeast(`while it is away: ${inTime}; per core, of the cold peak`, (100 * seen.perCore) / peak.perCore, 90, '%'),
    atMost('while it is away: neither answered in time nor refused', neither, 1, '%'),
    atMost('p99 of refusals', flood.shedP99, 250, 'ms'),
  ];
}

const lapsed: FaultCase = {
  name: 'hot-lease-lapsed',
  part,
  title: `hot links are followed at ${timesCold} times the rate of the cold peak, open loop, and gateway-edge is killed and away for ${awayMs / 1_000} s`,
  criterion:
    'no redirect is wrong; while all links are cold the resolvers answer at least 90 % of their peak within 1 s, per core left by the generator, and Envoy refuses the rest, 99 % within 250 ms; none of them dies; 10 s after the return 99.9 % are answered within 1 s again',
  mesh,
  async run(world) {
    await allHot(world);
    const peak = await peakOf(world, world.cached);
    await allHot(world);
    const durationMs = beforeMs + awayMs + afterMs;
    const pids = resolvers.map(world.mesh.pid);
    const rate = Math.round(timesCold * peak.good);
    const flooding = runFlood(world, { links: world.cached, rate, durationMs, byEdge: true });
    await sleep(beforeMs);
    await world.mesh.hold('gateway-edge', 'SIGKILL');
    const downAt = Date.now();
    await sleep(awayMs);
    await world.mesh.release('gateway-edge');
    const upAt = Date.now();
    const flood = await flooding;
    return [
      atLeast(
        'answered in time before',
        share(secondsBetween(flood, flood.startedAt + leaseMs, downAt), 'good'),
        99.9,
        '%',
      ),
      exactly('wrong redirects', sumOf(flood.seconds, 'wrong'), 0),
      ...whileCold(flood, secondsBetween(flood, downAt + leaseMs, upAt), peak),
      exactly('resolvers that died', resolvers.filter((name, index) => world.mesh.pid(name) !== pids[index]).length, 0),
      atMost('99.9 % in time again after', recovery(flood, upAt), recoveryMs / 1_000, 's'),
    ];
  },
};

const linksEdited = 120;
/** 480 edits a second, if they took no time. */
const editEveryMs = 250;
const followEveryMs = 300;
const stormMs = 10_000;
/** While the parts are up. */
const upMs = 250;
/** Whatever happens. */
const lateMs = 2_000;
const rates = { cached: 200 };

/** New links, all of them hot. */
async function newHotLinks(world: World, count: number): Promise<Target[]> {
  const links = await world.makeLinks(count);
  await concurrently(20 * count, 16, (index) => call(`${world.mesh.url}/${links[index % count]?.code}`));
  await until('the new links are hot', async () => (await answeredByEnvoy(world, links)) >= 98);
  return links;
}

interface Storm {
  readonly checker: EditChecker;
  readonly beganAt: number;
  readonly endedAt: number;
  /** How many of the follows in the storm Envoy answered by itself. */
  readonly edgeFollows: number;
}

async function storm(world: World, links: readonly Target[]): Promise<Storm> {
  const edgeBefore = await byEnvoy(world);
  const beganAt = Date.now();
  const checker = startEditChecker(world, links, { editEveryMs, followEveryMs, byEdge: true });
  await sleep(stormMs);
  checker.endEdits();
  return { checker, beganAt, endedAt: Date.now(), edgeFollows: (await byEnvoy(world)) - edgeBefore };
}

const edits: FaultCase = {
  name: 'hot-edit-storm',
  part,
  title: `${linksEdited} hot links are edited, each every ${editEveryMs / 1_000} s, for ${stormMs / 1_000} s, under 600 follows/s of them and of others`,
  criterion:
    'at least 200 edits/s; nobody is sent to an old destination more than 2 s after an edit, nor, for 99 % of the edits, more than 250 ms; 99.99 % of follows are correct; 10 s after the storm all other links are hot again, and the edited ones after a minute outside the hot set',
  mesh,
  async run(world): Promise<Verdict> {
    await allHot(world);
    const links = await newHotLinks(world, linksEdited);
    const load = await world.load({ rates, durationMs: 120_000 });
    await sleep(leaseMs);
    const { checker, beganAt, endedAt, edgeFollows } = await storm(world, links);
    const hotAfter = await untilAllHot(world);
    await sleep(outsideMs);
    await checker.stop();
    const { ledger } = await load.stop();
    // Its last follows come out of the spool.
    await sleep(1_000);
    const during = checker.seen(beganAt, endedAt);
    const all = checker.seen(beganAt, Number.POSITIVE_INFINITY);
    for (const why of during.refusals.slice(0, 3)) world.say(`    not edited: ${why}`);
    const follows = during.follows + ledger.between(beganAt, endedAt).answers.length;
    const edge = Math.round((100 * edgeFollows) / follows);
    return [
      atLeast(
        `edits made (${during.refusals.length} were not)`,
        (1_000 * during.edits) / (endedAt - beganAt),
        200,
        '/s',
      ),
      atMost('last wrong answer after an edit', all.oldest, lateMs, 'ms'),
      atMost('the same, p99 of the edits', during.visibleP99, upMs, 'ms'),
      redirectsSucceed(ledger.between(beganAt, Number.POSITIVE_INFINITY)),
      atLeast(`of ${all.follows} follows of edited links`, 100 * (1 - all.failed / all.follows), 99.99, '%'),
      atMost(`hot again after the storm, in which Envoy answered ${edge} % by itself`, hotAfter, recoveryMs, 'ms'),
      atLeast('edited links that Envoy answers by itself in the end', await answeredByEnvoy(world, links), 98, '%'),
      atLeast('hot links in the end', await figure(world, 'hop_edge_hot_set_entries'), 0.98 * hotLinks),
    ];
  },
};

export const cases = [edits, lapsed];
