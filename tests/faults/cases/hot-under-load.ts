// Parts die under load while hot links are edited and followed: the checker follows paths that Envoy may answer by itself.
import { setTimeout as sleep } from 'node:timers/promises';
import type { PartName } from '../../../compose/local/graph.ts';
import { atLeast, atMost, type FaultCase, type Verdict } from '../case.ts';
import { type EditChecker, startEditChecker } from '../judge/edits/edit-checker.ts';
import { redirectsSucceed } from '../judge/judge.ts';
import { allHot, figure, hotMesh as mesh } from '../world/hot-mesh.ts';
import type { World } from '../world/world.ts';

/** With the checker's 200 follows a second, far below what the cold path can do (docs/scaling.md). */
const rates = { cached: 200, cold: 100, create: 1 };
const linksEdited = 10;
/** One edit a second in all. Each withholds its link's shard of the hot set until the whole set was pushed. */
const editEveryMs = 10_000;
const followEveryMs = 50;
const baselineMs = 10_000;
const awayMs = 20_000;
const afterMs = 8_000;
const times = 3;
const betweenMs = 8_000;
/** While the parts are up. */
const upMs = 250;
/** Whatever dies. */
const lateMs = 2_000;
/** For streams to be open again, and what was missed. */
const returnMs = 3_000;

const criterion =
  'at 500 redirects/s 99.99 % are correct; of ten hot links, one of which is edited every second, no destination is more than 250 ms out of date before the fault, 2 s from the fault until 3 s after it has ended, and 250 ms after that';

/** Resolves when the part is whole again. */
type Fault = (world: World) => Promise<unknown>;

async function judged(world: World, fault: Fault): Promise<Verdict> {
  await allHot(world);
  const checker = startEditChecker(world, await world.makeLinks(linksEdited), {
    editEveryMs,
    followEveryMs,
    byEdge: true,
  });
  const load = await world.load({ rates, durationMs: 240_000 });
  await sleep(3_000);
  const beganAt = Date.now();
  const edgeBefore = await figure(world, 'hop_edge_follows_total', { tier: 'edge' });
  await world.pause(baselineMs);
  const edge = (await figure(world, 'hop_edge_follows_total', { tier: 'edge' })) - edgeBefore;
  const faultAt = Date.now();
  await fault(world);
  const backAt = Date.now() + returnMs;
  await sleep(returnMs + world.scaled(afterMs));
  await checker.stop();
  const { ledger } = await load.stop();
  const follows =
    checker.seen(beganAt, faultAt).follows + ledger.of('cached', 'cold').between(beganAt, faultAt).answers.length;
  return [
    atLeast('answered by Envoy itself before', (100 * edge) / follows, 25, '%'),
    redirectsSucceed(ledger.between(faultAt, Number.POSITIVE_INFINITY)),
    ...ages(checker, beganAt, faultAt, backAt),
  ];
}

function ages(checker: EditChecker, beganAt: number, faultAt: number, backAt: number): Verdict {
  const during = checker.seen(faultAt, backAt);
  const all = checker.seen(faultAt, Number.POSITIVE_INFINITY);
  return [
    atLeast(
      `correct, of the checker's ${all.follows} follows (${all.edits} edits)`,
      100 * (1 - all.failed / all.follows),
      99.99,
      '%',
    ),
    atMost('oldest before', checker.seen(beganAt, faultAt).oldest, upMs, 'ms'),
    atMost('oldest during', during.oldest, lateMs, 'ms'),
    atMost('oldest after', checker.seen(backAt, Number.POSITIVE_INFINITY).oldest, upMs, 'ms'),
  ];
}

/** Killed and started again by the supervisor, several times; `turns` says which one each time. */
const killedOften =
  (...turns: readonly PartName[]): Fault =>
  async (world) => {
    for (let time = 0; time < times; time++) {
      world.mesh.kill(turns[time % turns.length] as PartName);
      await sleep(betweenMs);
    }
  };

const away =
  (part: PartName): Fault =>
  (world) =>
    world.killFor(part, awayMs);

const silentWatch: Fault = async (world) => {
  world.proxy('watch').set({ kind: 'hole' });
  await world.pause(awayMs);
  world.proxy('watch').set({ kind: 'pass' });
};

const underLoad = (name: string, title: string, fault: Fault): FaultCase => ({
  name: `hot-under-load-${name}`,
  part: 'Hot set, under load',
  title,
  criterion,
  mesh,
  run: (world) => judged(world, fault),
});

const seconds = (ms: number): string => `${ms / 1_000} s`;
const often = `killed (SIGKILL) and started again ${times} times, every ${seconds(betweenMs)}`;

export const cases = [
  underLoad('gateway-edge', `gateway-edge is ${often}`, killedOften('gateway-edge')),
  underLoad('link', `link is ${often}`, killedOften('link')),
  underLoad('resolver', `resolver-1, resolver-2 and resolver-1 are ${often}`, killedOften('resolver-1', 'resolver-2')),
  underLoad('postgres', `the primary is killed and away for ${seconds(awayMs)}`, away('postgres')),
  underLoad('postgres-replica', `the replica is killed and away for ${seconds(awayMs)}`, away('postgres-replica')),
  underLoad('valkey', `Valkey is killed and away for ${seconds(awayMs)}`, away('valkey')),
  underLoad('watch', `nothing gets through between gateway-edge and link for ${seconds(awayMs)}`, silentWatch),
];
