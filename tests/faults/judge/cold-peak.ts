// The most redirects that the mesh answers when Envoy answers none by itself, and floods that are measured against it.
import { cpus } from 'node:os';
import type { PartName } from '../../../compose/local/graph.ts';
import { cpuBetween, readCpu } from '../../../loadtests/bench/cpu.ts';
import { type FloodResult, flood, type Second } from '../load/flood.ts';
import type { Target } from '../load/load.ts';
import { pastHotSet } from '../load/requests.ts';
import type { World } from '../world/world.ts';

export const ourParts: readonly PartName[] = [
  'link',
  'resolver-1',
  'resolver-2',
  'identity',
  'analytics',
  'gateway-access',
  'gateway-edge',
];
export const everyPart: readonly PartName[] = ['envoy', ...ourParts, 'postgres', 'postgres-replica', 'valkey', 'kafka'];
/** Below the 10,000 that Envoy takes, so that the same Envoy can still be asked by others. */
export const mostConnections = 8_000;
const warmUpMs = 10_000;
const stepMs = 6_000;

interface Flooding {
  /** Asked for in turn. */
  readonly links: readonly Target[];
  /** Arrivals per second. */
  readonly rate: number;
  readonly durationMs: number;
  /** Envoy's hot set may answer (default: no). */
  readonly byEdge?: boolean;
}

/** Runs a flood to its end, and says what it cost. */
export async function runFlood(world: World, flooding: Flooding): Promise<FloodResult> {
  const { links, rate, durationMs, byEdge = false } = flooding;
  const paths = links.map(({ code }) => `/${code}${byEdge ? '' : pastHotSet}`);
  const locations = links.map(({ destination }) => destination);
  const pids = new Map(everyPart.map((part) => [part, world.mesh.pid(part)]));
  const before = readCpu(pids);
  const result = await flood({ port: world.mesh.ports.envoy, paths, locations, rate, durationMs, mostConnections });
  sayCpu(world, flooding, result, cpuBetween(before, readCpu(pids)));
  return result;
}

/** Where the time went, in cores: for readers who ask why a figure is what it is. */
function sayCpu(
  world: World,
  { rate, durationMs }: Flooding,
  { seconds, p99 }: FloodResult,
  { parts, elsewhere }: ReturnType<typeof cpuBetween>,
): void {
  const cores = (us: number): string => (us / 1_000 / durationMs).toFixed(2);
  const used = Object.entries(parts).map(([part, us]) => `${part} ${cores(us)}`);
  const counts = (['good', 'late', 'wrong', 'shed', 'broken', 'unsent'] as const).map(
    (what) => `${what} ${Math.round(mean(seconds, what))}`,
  );
  const generator = (mean(seconds, 'generatorMs') / 1_000).toFixed(2);
  world.say(`  ${rate}/s: ${counts.join(', ')}; p99 ${Math.round(p99)} ms`);
  world.say(`    cores: generator ${generator}, ${used.join(', ')}, elsewhere ${cores(elsewhere)}`);
}

const mean = (seconds: readonly Second[], what: keyof Second): number =>
  seconds.reduce((sum, second) => sum + second[what], 0) / seconds.length;

/** The seconds of a flood that has stood for two. */
export const steady = ({ seconds }: FloodResult): readonly Second[] => seconds.slice(2);

/** Redirects in time per second, and per core that the generator left to the mesh. */
export interface Goodput {
  readonly good: number;
  readonly perCore: number;
}

export function goodput(seconds: readonly Second[]): Goodput {
  const good = mean(seconds, 'good');
  return { good, perCore: good / (cpus().length - mean(seconds, 'generatorMs') / 1_000) };
}

/** The most of these links that are answered in time, at rates that grow until two in a row brought no more. */
export async function peakOf(world: World, links: readonly Target[]): Promise<Goodput> {
  // Until the hot code is compiled a process answers a third of what it can.
  await runFlood(world, { links, rate: 2_000, durationMs: warmUpMs });
  let best: Goodput = { good: 0, perCore: 0 };
  for (let rate = 3_000, without = 0; without < 2; rate += 1_000) {
    const seen = goodput(steady(await runFlood(world, { links, rate, durationMs: stepMs })));
    without = seen.good > best.good ? 0 : without + 1;
    if (seen.good > best.good) best = seen;
  }
  world.say(`  the peak is ${Math.round(best.good)} redirects/s`);
  return best;
}
