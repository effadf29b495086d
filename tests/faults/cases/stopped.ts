// A process of ours stands still under load, and goes on later: its connections stay open, and nothing is answered. One of each.
import type { PartName } from '../../../compose/local/graph.ts';
import { atLeast, atMost, type FaultCase, type Finding, type Verdict } from '../case.ts';
import { clicksCounted, settledClicks } from '../judge/clicks.ts';
import { startKeyedCreates } from '../judge/keyed-creates.ts';
import { healMs, kindsNeeding, kindsUnaffectedBy, noneFailed, refusedWithin } from '../judge/refusals.ts';
import type { Kind, Ledger } from '../load/ledger.ts';
import type { World, WorldOptions } from '../world/world.ts';

const mesh: WorldOptions = {};
const rates = { cached: 200, cold: 100, create: 10, read: 20, login: 1 };
/** Calls that wait for the process must not keep redirects from being sent. */
const patient = { connections: 400, timeoutMs: 10_000 };
const baselineMs = 5_000;
const stoppedMs = 10_000;
const afterMs = 10_000;
/** The longest that a redirect may take, with a resolver that does not answer. */
const redirectMs = 1_500;
/** A call may take 5 s, the check of its credentials 1 s (envoy/limits.ts), and a loaded machine something. */
const callMs = 7_000;

interface Stopped {
  /** Of the whole load. */
  readonly ledger: Ledger;
  /** When the process went on, milliseconds since 1970. */
  readonly upAt: number;
}

async function stopUnderLoad(world: World, part: PartName): Promise<Stopped> {
  const load = await world.load({ rates, durationMs: 180_000, ...patient });
  await world.pause(baselineMs);
  world.mesh.kill(part, 'SIGSTOP');
  await world.pause(stoppedMs);
  world.mesh.kill(part, 'SIGCONT');
  const upAt = Date.now();
  await world.pause(afterMs);
  const { ledger } = await load.stop();
  return { ledger, upAt };
}

interface Expectation {
  readonly part: PartName;
  readonly criterion: string;
}

const redirects: readonly Kind[] = ['cached', 'cold'];
const refusals = '503 with Retry-After while it stands still, and as before 5 s after it goes on';
const expectations: readonly Expectation[] = [
  {
    part: 'resolver-1',
    criterion: 'no request fails: the other resolver answers, at first after 0.75 s',
  },
  {
    part: 'link',
    criterion: `no redirect or sign-in fails; creates and signed reads are ${refusals}; a create repeated with its key is made once`,
  },
  {
    part: 'gateway-access',
    criterion: `no redirect fails; signed calls and sign-ins are ${refusals}, never 401 or 403`,
  },
  {
    part: 'identity',
    criterion: `no redirect, create or signed read fails; sign-ins are ${refusals}`,
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
  name: `stopped-${part}`,
  part: 'Our processes, standing still',
  title: `${part} is stopped (SIGSTOP) under load for 10 s`,
  criterion: `${criterion}; redirects take 1.5 s at most; every click is counted once`,
  mesh,
  async run(world): Promise<Verdict> {
    const refused = kindsNeeding(part);
    const before = await settledClicks(world);
    const keyed = startKeyedCreates(world, [world.mesh.url]);
    const { ledger, upAt } = await stopUnderLoad(world, part);
    return [
      noneFailed(ledger, ...kindsUnaffectedBy(part)),
      atMost('slowest redirect', ledger.of(...redirects).quantile(1), redirectMs, 'ms'),
      ...(refused.length === 0 ? [] : refusedWhileStopped(ledger, upAt, refused)),
      ...(await keyed.stop()),
      ...(await clicksCounted(world, before, ledger)),
    ];
  },
});

function refusedWhileStopped(ledger: Ledger, upAt: number, kinds: readonly Kind[]): Finding[] {
  const healed = ledger.between(upAt + healMs, Number.POSITIVE_INFINITY).of(...kinds);
  return [
    ...refusedWithin(callMs, ledger, ...kinds),
    atLeast(`${kinds.join(', ')} that succeed 5 s after it goes on`, 100 * healed.success, 100, '%'),
  ];
}

export const cases = expectations.map(caseOf);
