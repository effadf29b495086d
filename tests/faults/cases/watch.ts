// What a resolver hears of changes is cut, stopped or late: no redirect may lead to where it led long ago.
import { setTimeout as sleep } from 'node:timers/promises';
import { atLeast, atMost, exactly, type FaultCase, type Verdict } from '../case.ts';
import { type EditChecker, startEditChecker } from '../judge/edits/edit-checker.ts';
import type { ProxyMode } from '../proxy/proxy.ts';
import { superuser } from '../world/postgres.ts';
import type { World, WorldOptions } from '../world/world.ts';

const mesh: WorldOptions = {
  links: { cached: 50, cold: 50 },
  proxies: { watch: { from: ['resolver-1', 'resolver-2'], to: 'link' } },
};

const linksEdited = 10;
const baselineMs = 10_000;
const faultMs = 20_000;
const afterMs = 8_000;
/** While the parts are up. */
const upMs = 250;
/** While changes are not heard of. */
const silentMs = 2_000;
/** For the stream to be open again after its return: the longest pause between two attempts, and what it missed. */
const returnMs = 3_000;

const bounds =
  'ten links are edited every 0.4 s and followed every 25 ms: no destination is more than 250 ms out of date before, 2 s while no changes arrive, and 250 ms once the stream is back (3 s); no redirect fails';

interface Fault {
  begin(world: World): void;
  end(world: World): void;
}

async function judged(world: World, fault: Fault, edits: 'go on' | 'pause' = 'go on'): Promise<Verdict> {
  const checker = startEditChecker(world, await world.makeLinks(linksEdited));
  await sleep(2_000);
  const beganAt = Date.now();
  await world.pause(baselineMs);
  const faultAt = Date.now();
  fault.begin(world);
  await world.pause(faultMs);
  fault.end(world);
  const endedAt = Date.now();
  await sleep(returnMs + world.scaled(afterMs));
  await checker.stop();
  return verdict(checker, { beganAt, faultAt, endedAt, edits });
}

interface Times {
  readonly beganAt: number;
  readonly faultAt: number;
  readonly endedAt: number;
  readonly edits: 'go on' | 'pause';
}

function verdict(checker: EditChecker, { beganAt, faultAt, endedAt, edits }: Times): Verdict {
  const backAt = endedAt + returnMs;
  const during = checker.seen(faultAt, backAt);
  const all = checker.seen(beganAt, Number.POSITIVE_INFINITY);
  return [
    atMost('oldest before', checker.seen(beganAt, faultAt).oldest, upMs, 'ms'),
    atMost('oldest during', during.oldest, silentMs, 'ms'),
    atMost('oldest after', checker.seen(backAt, Number.POSITIVE_INFINITY).oldest, upMs, 'ms'),
    exactly(`failed of ${all.follows} redirects`, all.failed, 0),
    atLeast('edits while no changes arrived', during.edits, edits === 'go on' ? 100 : 0),
  ];
}

/** The streams of both resolvers behave so. */
const byProxy = (mode: ProxyMode, reset = false): Fault => ({
  begin({ proxy }) {
    proxy('watch').set(mode);
    if (reset) proxy('watch').reset();
  },
  end: ({ proxy }) => proxy('watch').set({ kind: 'pass' }),
});

const watch = (name: string, title: string, run: FaultCase['run'], criterion = bounds): FaultCase => ({
  name: `watch-${name}`,
  part: 'Watch',
  title,
  criterion,
  mesh,
  run,
});

const cut = watch('cut', 'both resolvers’ streams are reset and none can be opened for 20 s', (world) =>
  judged(world, byProxy({ kind: 'refuse' }, true)),
);

const silent = watch('black-hole', 'the streams stay open and bring nothing for 20 s', (world) =>
  judged(world, byProxy({ kind: 'hole' })),
);

const late = watch('late', 'everything on the open streams comes 2 s late for 20 s', (world) =>
  judged(world, byProxy({ kind: 'delay', ms: 2_000 })),
);

const lateFromTheStart = watch(
  'late-from-the-start',
  'the streams are reset, and everything on the new ones comes 1.2 s late for 20 s: nothing in them shows it',
  (world) => judged(world, byProxy({ kind: 'delay', ms: 1_200 }, true)),
);

const stopped = watch('stopped', 'the link service is stopped (SIGSTOP) for 20 s', (world) =>
  judged(
    world,
    {
      begin: () => world.mesh.kill('link', 'SIGSTOP'),
      end: () => world.mesh.kill('link', 'SIGCONT'),
    },
    'pause',
  ),
);

const openTransactions = watch(
  'open-transactions',
  'a transaction hangs in the analytics schema, another in the link schema that touched no link, for 20 s',
  async (world) => {
    const sessions = await Promise.all([superuser(world), superuser(world)]);
    const held = ['create table analytics.held ()', 'create table link.held ()'];
    const checker = startEditChecker(world, await world.makeLinks(linksEdited));
    try {
      await Promise.all(sessions.map((session, index) => session.query(`begin; ${held[index]}`)));
      const beganAt = Date.now();
      await world.pause(faultMs);
      const { oldest, follows, failed, edits } = checker.seen(beganAt, Date.now());
      return [
        atMost('oldest', oldest, upMs, 'ms'),
        exactly(`failed of ${follows} redirects`, failed, 0),
        atLeast('edits', edits, 100),
      ];
    } finally {
      await checker.stop();
      await Promise.all(sessions.map((session) => session.query('rollback').finally(() => session.end())));
    }
  },
  'edits are still visible within 250 ms; no redirect fails',
);

export const cases = [openTransactions, cut, silent, late, lateFromTheStart, stopped];
