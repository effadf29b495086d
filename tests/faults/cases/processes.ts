// A process of ours is killed under load, and started again by the supervisor. One of each: the default mesh.

import { waitFor } from '#runtime/testing/wait-for.ts';
import type { PartName } from '../../../compose/local/graph.ts';
import { atMost, exactly, type FaultCase, type Verdict } from '../case.ts';
import { clicksCounted, settledClicks } from '../judge/clicks.ts';
import { startKeyedCreates } from '../judge/keyed-creates.ts';
import { kindsNeeding, kindsUnaffectedBy, noneFailed, refusedWell } from '../judge/refusals.ts';
import type { Kind, Ledger } from '../load/ledger.ts';
import type { World, WorldOptions } from '../world/world.ts';

const mesh: WorldOptions = {};
const rates = { cached: 200, cold: 100, create: 10, read: 20, login: 1 };
const baselineMs = 5_000;
const afterMs = 10_000;

interface Killed {
  /** Of the whole load. */
  readonly ledger: Ledger;
  /** When the process was killed, milliseconds since 1970. */
  readonly since: number;
}

/** SIGKILL under load, which goes on for a while after the process is back. */
async function killUnderLoad(world: World, part: PartName): Promise<Killed> {
  const load = await world.load({ rates, durationMs: 180_000 });
  await world.pause(baselineMs);
  const pid = world.mesh.pid(part);
  const since = Date.now();
  world.mesh.kill(part);
  const isBack = (): boolean =>
    world.mesh.state().parts.some((one) => one.name === part && one.status === 'ready' && one.pid !== pid);
  await waitFor(isBack, { timeoutMs: 30_000, what: part });
  world.say(`  ${part} serves again after ${Date.now() - since} ms`);
  await world.pause(afterMs);
  const { ledger } = await load.stop();
  return { ledger, since };
}

interface Expectation {
  readonly part: PartName;
  readonly criterion: string;
}

const redirects: readonly Kind[] = ['cached', 'cold'];
const expectations: readonly Expectation[] = [
  {
    part: 'link',
    criterion:
      'no redirect fails; creates and signed reads are 503 with Retry-After within 1 s while it is away, for 5 s at most; a create repeated with its key is made once',
  },
  {
    part: 'resolver-1',
    criterion: 'no request fails: what was in flight is answered by the other resolver',
  },
  {
    part: 'gateway-access',
    criterion:
      'no redirect fails; signed calls and sign-ins are 503 with Retry-After, never 401 or 403, for 5 s at most',
  },
  {
    part: 'identity',
    criterion: 'no redirect, create or signed read fails; sign-ins are 503 with Retry-After for 5 s at most',
  },
  {
    part: 'analytics',
    criterion: 'no redirect, create, signed read or sign-in fails',
  },
  {
    part: 'gateway-edge',
    criterion: 'no redirect, create, signed read or sign-in fails',
  },
];

const caseOf = ({ part, criterion }: Expectation): FaultCase => ({
  name: `processes-${part}-killed`,
  part: 'Our processes, one of each',
  title: `${part} is killed (SIGKILL) under load and started again`,
  criterion: `${criterion}; every click is counted once`,
  mesh,
  async run(world): Promise<Verdict> {
    const refused = kindsNeeding(part);
    const before = await settledClicks(world);
    const keyed = startKeyedCreates(world, [world.mesh.url]);
    const killed = await killUnderLoad(world, part);
    return [
      noneFailed(killed.ledger, ...kindsUnaffectedBy(part)),
      ...(refused.length === 0 ? [] : refusedWell(killed.ledger, killed.since, ...refused)),
      ...(await keyed.stop()),
      ...(await clicksCounted(world, before, killed.ledger)),
    ];
  },
});

const downMs = 2_000;
/** Envoy writes its clicks to the spool this often (envoy/render.ts), and the kill is noted a moment before it happens. */
const flushMs = 200 + 20;

const door: FaultCase = {
  name: 'processes-envoy-killed',
  part: 'Our processes, one of each',
  title: 'envoy is killed (SIGKILL) under load and started again',
  criterion:
    'connections are refused for 2 s at most, then nothing fails; a create repeated with its key is made once; clicks of the last 200 ms may be lost, all others are counted once',
  mesh,
  async run(world): Promise<Verdict> {
    const before = await settledClicks(world);
    const keyed = startKeyedCreates(world, [world.mesh.url]);
    const { ledger, since } = await killUnderLoad(world, 'envoy');
    const { failed } = ledger;
    const unwritten = ledger
      .of(...redirects)
      .answers.filter(({ ok, at, latency }) => ok && at + latency > since - flushMs && at + latency < since + flushMs);
    return [
      exactly('wrong answers', failed.filter(({ status }) => status > 0).length, 0),
      atMost('the last without a connection, after', Math.max(0, ...failed.map(({ at }) => at - since)), downMs, 'ms'),
      ...(await keyed.stop()),
      ...(await clicksCounted(world, before, ledger, unwritten.length)),
    ];
  },
};

export const cases = [...expectations.map(caseOf), door];
