// Two of every process that holds no state: each is replaced, in order or by SIGKILL, under load.
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { membersOf, type PartName } from '../../../compose/local/graph.ts';
import { atMost, exactly, type FaultCase, type Finding, type Verdict } from '../case.ts';
import { clicksCounted, settledClicks } from '../judge/clicks.ts';
import { startKeyedCreates } from '../judge/keyed-creates.ts';
import type { Kind, Ledger } from '../load/ledger.ts';
import type { World, WorldOptions } from '../world/world.ts';

const mesh: WorldOptions = { env: { HOP_INSTANCES: '2' } };
const rates = { cached: 150, cold: 50, create: 10, read: 30, login: 1 };
const part = 'Our processes, two of each';
/** As long as Envoy takes to see that a process serves again: what minReadySeconds is in deploy/. */
const settleMs = 5_000;

const kinds = ['link', 'identity', 'resolver', 'analytics', 'gateway-access', 'gateway-edge'] as const;
const services: readonly PartName[] = kinds.flatMap((kind) => membersOf(kind, 2));
const envoys: readonly PartName[] = membersOf('envoy', 2);

const doorsOf = ({ mesh: { ports } }: World): [string, string] => [
  `http://localhost:${ports.envoy}`,
  `http://localhost:${ports['envoy-2']}`,
];

interface Replaced {
  readonly ledger: Ledger;
  readonly keyed: Verdict;
  readonly before: number;
}

/** Replaces one after the other while both doors are in use; people may stop asking at a door that is about to be killed. */
async function replaceAll(
  world: World,
  parts: readonly PartName[],
  replace: (one: PartName) => Promise<void>,
): Promise<Replaced> {
  const before = await settledClicks(world);
  const [url, other] = doorsOf(world);
  const keyed = startKeyedCreates(world, [url, other]);
  const load = await world.load({ url, otherUrls: [other], rates, durationMs: 400_000 });
  await sleep(settleMs);
  const begins: [PartName, number][] = [];
  for (const one of parts) {
    const begun = Date.now();
    begins.push([one, begun]);
    await replace(one);
    world.say(`  ${one} was replaced in ${Date.now() - begun} ms`);
    await sleep(settleMs);
  }
  const { ledger } = await load.stop();
  for (const [index, [one, begun]] of begins.entries())
    sayFailures(world, one, ledger.between(begun, begins[index + 1]?.[1] ?? Number.POSITIVE_INFINITY), begun);
  return { ledger, keyed: await keyed.stop(), before };
}

/** What failed from one replacement to the next: kind, status and moment of each. */
function sayFailures(world: World, one: PartName, { failed }: Ledger, begun: number): void {
  if (failed.length === 0) return;
  const words = failed.map(
    ({ kind, status, at, latency }) => `${kind} ${status} +${Math.round(at - begun)} (${Math.round(latency)} ms)`,
  );
  world.say(`  ${one}: ${failed.length} failed: ${words.slice(0, 20).join(', ')}`);
}

const all: readonly Kind[] = ['cached', 'cold', 'create', 'read', 'login'];

const failedOf = (ledger: Ledger, ...wanted: Kind[]): Finding => {
  const asked = ledger.of(...wanted);
  return exactly(`of ${asked.answers.length} requests (${wanted.join(', ')}), failed`, asked.failed.length, 0);
};

const restarted: FaultCase = {
  name: 'rolling-restart',
  part,
  title:
    'every service and gateway process is stopped (SIGTERM) and started again, one after the other, then each Envoy after its drain',
  criterion:
    'under 241 requests/s no request fails; a create repeated with its key is made once; every click is counted once',
  mesh,
  async run(world) {
    const { ledger, keyed, before } = await replaceAll(world, [...services, ...envoys], (one) =>
      world.mesh.restart(one),
    );
    return [failedOf(ledger, ...all), ...keyed, ...(await clicksCounted(world, before, ledger))];
  },
};

async function killed(world: World, one: PartName): Promise<void> {
  const pid = world.mesh.pid(one);
  world.mesh.kill(one);
  const isBack = (): boolean =>
    world.mesh.state().parts.some(({ name, status, pid: now }) => name === one && status === 'ready' && now !== pid);
  await waitFor(isBack, { timeoutMs: 30_000, what: one });
}

/** What a process can have in its hands when it is killed: writes, which nobody may send again unasked. */
const inHand = 2;

const shot: FaultCase = {
  name: 'rolling-killed',
  part,
  title:
    'every service and gateway process is killed (SIGKILL) and started again by the supervisor, one after the other',
  criterion:
    'no redirect and no signed read fails; of creates and sign-ins at most the two in hand when a process dies, with 503; a create repeated with its key is made once; every click is counted once',
  mesh,
  async run(world) {
    const { ledger, keyed, before } = await replaceAll(world, services, (one) => killed(world, one));
    const writes = ledger.of('create', 'login').failed;
    return [
      failedOf(ledger, 'cached', 'cold', 'read'),
      atMost(
        `of ${ledger.of('create', 'login').answers.length} creates and sign-ins, failed`,
        writes.length,
        inHand * services.length,
      ),
      exactly('of those, not 503', writes.filter(({ status }) => status !== 503).length, 0),
      ...keyed,
      ...(await clicksCounted(world, before, ledger)),
    ];
  },
};

export const cases = [restarted, shot];
