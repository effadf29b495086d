// The processes of the click path are killed, again and again, under load; so is the Envoy that writes the clicks.
import { setTimeout as sleep } from 'node:timers/promises';
import { atLeast, atMost, exactly, type FaultCase, type Verdict } from '../case.ts';
import { exactlyOnce, followDuring, ledgerMesh, lostOf, noneTwice, redirectsUnharmed } from '../judge/click-ledger.ts';
import type { Way } from '../proxy/proxy.ts';
import { superuser } from '../world/postgres.ts';
import { scale, type World, type WorldOptions } from '../world/world.ts';

const part = 'The click ledger';
const mesh: WorldOptions = { ...ledgerMesh, proxies: { store: { from: ['analytics'], to: 'postgres' } } };
const times = (count: number): number => Math.max(2, Math.round(count * Math.min(1, scale)));
const exact =
  'no redirect fails, their p99 within 1.1 times that before; each follow of the ledger is stored once, and counters agree with a recount';

const edgeKills = times(20);
const edge: FaultCase = {
  name: 'ledger-gateway-edge-killed',
  part,
  title: `gateway-edge is killed (SIGKILL) ${edgeKills} times, up to 2 s after each start`,
  criterion: exact,
  mesh,
  async run(world) {
    const followed = await followDuring(world, async () => {
      for (let kill = 0; kill < edgeKills; kill++) {
        await killAndStart(world, 'gateway-edge');
        await sleep((2_000 * kill) / edgeKills);
      }
    });
    return [...redirectsUnharmed(followed), ...(await exactlyOnce(world, followed))];
  },
};

async function killAndStart(world: World, name: 'gateway-edge' | 'analytics' | 'envoy'): Promise<void> {
  await world.mesh.hold(name, 'SIGKILL');
  await world.mesh.release(name);
}

/** What goes no further than the proxy: the commit of clicks, or Postgres' answer to it. */
type Withheld = 'commit' | 'answer';

/** Lets everything through but that, of the next transaction that has copied clicks; resolves when it came. */
function withhold(world: World, what: Withheld): Promise<void> {
  const copied = new Set<number>();
  const committing = new Set<number>();
  const { promise, resolve } = Promise.withResolvers<void>();
  const keep = (): 'keep' => {
    resolve();
    return 'keep';
  };
  const asked = (piece: Buffer, connection: number): 'pass' | 'keep' => {
    const text = piece.toString('latin1');
    if (text.includes('copy clicks (')) copied.add(connection);
    if (!text.endsWith('commit\0') || !copied.delete(connection)) return 'pass';
    if (what === 'commit') return keep();
    committing.add(connection);
    return 'pass';
  };
  const fate = (piece: Buffer, { connection, from }: Way): 'pass' | 'keep' =>
    from === 'client' ? asked(piece, connection) : committing.delete(connection) ? keep() : 'pass';
  world.proxy('store').set({ kind: 'sift', fate });
  return promise;
}

/** Transactions of analytics that have written and are neither committed nor rolled back. */
async function openTransactions(world: World): Promise<number> {
  const database = await superuser(world);
  try {
    const { rows } = await database.query<{ open: number }>(
      `select count(*)::int as open from pg_stat_activity
       where usename = 'hop_analytics' and state = 'idle in transaction' and backend_xid is not null`,
    );
    return rows[0]?.open ?? 0;
  } finally {
    await database.end();
  }
}

function killedAround(what: Withheld, count: number, title: string): FaultCase {
  return {
    name: `ledger-analytics-killed-${what === 'commit' ? 'before' : 'after'}-commit`,
    part,
    title,
    criterion: exact,
    mesh,
    async run(world): Promise<Verdict> {
      let found = 0;
      const followed = await followDuring(world, async () => {
        for (let kill = 0; kill < count; kill++) {
          await withhold(world, what);
          const open = await openTransactions(world);
          await world.mesh.hold('analytics', 'SIGKILL');
          world.proxy('store').set({ kind: 'pass' });
          if (open > 0 === (what === 'commit')) found++;
          await world.mesh.release('analytics');
        }
      });
      const when =
        what === 'commit'
          ? 'with clicks inserted and not committed'
          : 'with clicks committed, but not acknowledged to it';
      return [
        exactly(`kills ${when}`, found, count),
        ...redirectsUnharmed(followed),
        ...(await exactlyOnce(world, followed)),
      ];
    },
  };
}

const beforeKills = times(50);
const before = killedAround(
  'commit',
  beforeKills,
  `analytics is killed (SIGKILL) ${beforeKills} times between insert and commit: a proxy keeps the commit back until it is dead`,
);
const afterKills = times(10);
const after = killedAround(
  'answer',
  afterKills,
  `analytics is killed (SIGKILL) ${afterKills} times after its commit was done, before it heard so`,
);

const doorKills = times(10);
/** Envoy writes its clicks to the spool this often (envoy/render.ts); the kill is noted a moment before it happens. */
const flushMs = 200 + 20;
const door: FaultCase = {
  name: 'ledger-envoy-killed',
  part,
  title: `envoy is killed (SIGKILL) ${doorKills} times`,
  criterion:
    'what is lost was answered within the last flush interval (200 ms); all else is stored once, and counters agree with a recount',
  mesh,
  async run(world): Promise<Verdict> {
    const killedAt: number[] = [];
    const followed = await followDuring(world, async () => {
      for (let kill = 0; kill < doorKills; kill++) {
        killedAt.push(Date.now());
        await killAndStart(world, 'envoy');
        await sleep(2_000 + 37 * kill);
      }
    });
    const lost = lostOf(followed).map(({ at, latency }) => at + latency);
    const ages = lost.map((at) =>
      Math.min(...killedAt.filter((kill) => kill >= at - flushMs).map((kill) => kill - at)),
    );
    return [
      atLeast('follows answered', followed.ledger.answers.length - followed.ledger.failed.length, 1),
      atMost(
        `of ${lost.length} clicks lost, the oldest was answered before the kill`,
        Math.max(0, ...ages),
        flushMs,
        'ms',
      ),
      atMost('clicks lost with each kill, on average', lost.length / doorKills, (300 * flushMs) / 1_000),
      ...(await noneTwice(world, followed)),
    ];
  },
};

export const cases = [edge, before, after, door];
