// Clients that mean harm: what others notice of them, and how they are got rid of.
import { readFileSync } from 'node:fs';
import { atLeast, atMost, exactly, type FaultCase, type Finding, type Verdict } from '../case.ts';
import { p99LikeBefore } from '../judge/judge.ts';
import { type AttackName, type AttackResult, attack } from '../load/attack.ts';
import type { World, WorldOptions } from '../world/world.ts';

const mesh: WorldOptions = { links: { cached: 50, cold: 50 } };
const part = 'Hostile clients';
const baselineMs = 20_000;
const mostMemoryMib = 768;

const envoyMib = (world: World): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${world.mesh.pid('envoy')}/status`, 'utf8'))?.[1]) / 1_024;

interface Attack {
  readonly name: AttackName;
  readonly connections: number;
  readonly durationMs: number;
  readonly openingMs?: number;
  /** Every connection is closed by then, in seconds; absent where it may live on. */
  readonly closedWithin?: number;
}

async function withstand(world: World, attacks: readonly Attack[]): Promise<Verdict> {
  const pid = world.mesh.pid('envoy');
  const longest = Math.max(...attacks.map(({ durationMs }) => durationMs));
  const load = await world.load({ rates: { cached: 200, read: 20 }, durationMs: baselineMs + longest + 5_000 });
  await new Promise((resolve) => setTimeout(resolve, baselineMs));
  const since = Date.now();
  let memory = 0;
  const looking = setInterval(() => {
    memory = Math.max(memory, envoyMib(world));
  }, 500);
  const results = await Promise.all(attacks.map((one) => attack({ ...one, port: world.mesh.ports.envoy })));
  const until = Date.now();
  clearInterval(looking);
  const { ledger, complaints } = await load.stop();
  for (const complaint of complaints.slice(0, 5)) world.say(complaint);
  const before = ledger.between(load.startedAt, since);
  const during = ledger.between(since, until);
  return [
    p99LikeBefore('redirects', before.of('cached'), during.of('cached')),
    atLeast('correct redirects', 100 * during.of('cached').success, 99.99, '%'),
    ...attacks.flatMap((one, index) => gotRidOf(one, results[index] as AttackResult)),
    exactly('Envoy died', world.mesh.pid('envoy') === pid ? 0 : 1, 0),
    atMost('memory of Envoy', Math.round(memory), mostMemoryMib, 'MiB'),
  ];
}

function gotRidOf({ name, connections, closedWithin }: Attack, { opened, closed, longestMs }: AttackResult): Finding[] {
  if (closedWithin === undefined) return [exactly(`${name}: connections opened`, opened, connections)];
  return [
    exactly(`${name}: connections closed by Envoy`, closed, connections),
    atMost(`${name}: the longest lived`, Math.round(longestMs) / 1_000, closedWithin, 's'),
  ];
}

/** They come one after another: what a crowd costs that asks all at once is not what slowness costs. */
const openingMs = 10_000;
/** Limits of envoy/limits.ts (unread: the call's, the stream's, then the idle connection's), and 5 s for opening, timers and closing. */
const patient: readonly Attack[] = [
  { name: 'idle', connections: 5_000, openingMs, durationMs: 145_000, closedWithin: 125 },
  { name: 'slow-headers', connections: 500, openingMs, durationMs: 40_000, closedWithin: 15 },
  { name: 'slow-body', connections: 500, openingMs, durationMs: 60_000, closedWithin: 35 },
  { name: 'unread-answers', connections: 100, openingMs, durationMs: 160_000, closedWithin: 145 },
];

const slow: FaultCase = {
  name: 'clients-slow',
  part,
  title:
    'within 10 s 5,000 idle connections, 500 that send headers byte by byte, 500 a body, 100 with 100 answers each that they do not read',
  criterion:
    'all are closed by their time limits; p99 of others within 1.5 times that of the baseline; Envoy lives, its memory bounded',
  mesh,
  run: (world) => withstand(world, patient),
};

const flooding = (name: AttackName, title: string, closedWithin?: number): FaultCase => ({
  name: `clients-${name}`,
  part,
  title: `${title}, 20 connections, 10 s`,
  criterion: `p99 of others within 1.5 times that of the baseline; Envoy lives, its memory bounded${closedWithin === undefined ? '' : '; the connections are closed'}`,
  mesh,
  run: (world) =>
    withstand(world, [
      { name, connections: 20, durationMs: 10_000, ...(closedWithin === undefined ? {} : { closedWithin }) },
    ]),
});

export const cases = [
  slow,
  flooding('rapid-reset', 'HTTP/2 rapid reset: 2,000 requests/s begun and cancelled on each connection', 5),
  flooding('ping-flood', 'HTTP/2 PING: 2,500/s on each connection'),
  flooding('settings-flood', 'HTTP/2 SETTINGS: 2,500/s on each connection'),
  flooding('continuation-flood', 'HTTP/2 CONTINUATION without end', 5),
  flooding('too-many-streams', 'HTTP/2: 2,000 streams/s on each connection'),
];
