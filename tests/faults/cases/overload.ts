// More redirects than the mesh can answer: twice and ten times its peak. They are cold ones, asked for past Envoy's hot set:
// peak and overload have to be of the same kind, and for hot ones the generator would be the first to have too much.
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PartName } from '../../../compose/local/graph.ts';
import { cpuBetween, readCpu } from '../../../loadtests/bench/cpu.ts';
import { atLeast, atMost, type FaultCase, type Finding } from '../case.ts';
import { type FloodResult, flood, type Second } from '../load/flood.ts';
import { pastHotSet } from '../load/requests.ts';
import type { World, WorldOptions } from '../world.ts';

const links = { cached: 20, cold: 500 };
const mesh: WorldOptions = { links, env: { HOP_RESOLVER_L1_ENTRIES: '100000' } };
const parts: readonly PartName[] = [
  'link',
  'resolver-1',
  'resolver-2',
  'identity',
  'analytics',
  'gateway-access',
  'gateway-edge',
];
const everyPart: readonly PartName[] = ['envoy', ...parts, 'postgres', 'postgres-replica', 'valkey', 'kafka'];
/** Below the 10,000 that Envoy takes, so that the same Envoy can still be asked by others. */
const mostConnections = 8_000;
const warmUpMs = 10_000;
const stepMs = 6_000;
const overloadMs = 20_000;
const recoveryMs = 15_000;
/** Resident: Envoy's heap is bounded by 512 MiB, a process of ours by 192 MiB of JavaScript beside code and buffers. */
const most = { envoy: 768, ours: 448 } as const;

async function run(world: World, rate: number, durationMs: number): Promise<FloodResult> {
  const paths = world.cold.map(({ code }) => `/${code}${pastHotSet}`);
  const pids = new Map(everyPart.map((part) => [part, world.mesh.pid(part)]));
  const before = readCpu(pids);
  const result = await flood({ port: world.mesh.ports.envoy, paths, rate, durationMs, mostConnections });
  sayCpu(world, rate, durationMs, result, cpuBetween(before, readCpu(pids)));
  return result;
}

/** Where the time went, in cores: for whoever asks why a figure is what it is. */
function sayCpu(
  world: World,
  rate: number,
  durationMs: number,
  { seconds, generatorCores, p99 }: FloodResult,
  { parts, elsewhere }: ReturnType<typeof cpuBetween>,
): void {
  const cores = (us: number): string => (us / 1_000 / durationMs).toFixed(2);
  const used = Object.entries(parts).map(([part, us]) => `${part} ${cores(us)}`);
  const counts = (['good', 'late', 'shed', 'broken', 'unsent'] as const).map(
    (what) => `${what} ${Math.round(mean(seconds, what))}`,
  );
  world.say(`  ${rate}/s: ${counts.join(', ')}; p99 ${Math.round(p99)} ms`);
  world.say(`    cores: generator ${generatorCores.toFixed(2)}, ${used.join(', ')}, elsewhere ${cores(elsewhere)}`);
}

const mean = (seconds: readonly Second[], what: keyof Second): number =>
  seconds.reduce((sum, second) => sum + second[what], 0) / seconds.length;

/** Redirects in time per second, once the flood has stood for two; and per core that the generator left to the mesh. */
interface Goodput {
  readonly good: number;
  readonly perCore: number;
}

function goodput({ seconds, generatorCores }: FloodResult, durationMs: number): Goodput {
  const good = mean(seconds.slice(2, Math.floor(durationMs / 1_000)), 'good');
  return { good, perCore: good / (cpus().length - generatorCores) };
}

let peak: Goodput | undefined;

/** The most that is answered in time, at rates that grow until two in a row brought no more. */
async function peakOf(world: World): Promise<Goodput> {
  // Until the hot code is compiled a process answers a third of what it can.
  await run(world, 2_000, warmUpMs);
  let best: Goodput = { good: 0, perCore: 0 };
  for (let rate = 3_000, without = 0; without < 2; rate += 1_000) {
    const seen = goodput(await run(world, rate, stepMs), stepMs);
    without = seen.good > best.good ? 0 : without + 1;
    if (seen.good > best.good) best = seen;
  }
  world.say(`  the peak is ${Math.round(best.good)} redirects/s`);
  return best;
}

/** Resident memory in MiB, the largest that was seen. */
function followMemory(world: World): { stop(): Finding[] } {
  const largest = new Map<PartName, number>();
  const look = (): void => {
    for (const part of everyPart) {
      const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${world.mesh.pid(part)}/status`, 'utf8'))?.[1];
      largest.set(part, Math.max(largest.get(part) ?? 0, Number(kib) / 1_024));
    }
  };
  const timer = setInterval(look, 500);
  return {
    stop() {
      clearInterval(timer);
      const [part, ours] = parts
        .map((one) => [one, largest.get(one) ?? Number.NaN] as const)
        .reduce((one, other) => (other[1] > one[1] ? other : one));
      return [
        atMost('memory of Envoy', Math.round(largest.get('envoy') ?? Number.NaN), most.envoy, 'MiB'),
        atMost(`memory of the largest of our processes (${part})`, Math.round(ours), most.ours, 'MiB'),
      ];
    },
  };
}

/** Seconds until all of a light load are answered in time again; NaN when they never are. */
async function recovery(world: World): Promise<number> {
  const { seconds } = await run(world, 500, recoveryMs);
  const first = seconds.findIndex((_, index) => seconds.slice(index).every(({ due, good }) => good === due));
  return first < 0 ? Number.NaN : first;
}

const overloaded = (factor: number): FaultCase => ({
  name: `overload-${factor}x`,
  part: 'Overload',
  title: `${factor} times the cold redirects/s that the mesh answers at its peak, for ${overloadMs / 1_000} s, open loop, at most ${mostConnections} connections`,
  criterion:
    'redirects within 1 s, per core left by the generator, at least 90 % of the peak; all of 500/s again within 10 s; memory bounded',
  mesh,
  async run(world) {
    peak ??= await peakOf(world);
    const best = peak;
    const memory = followMemory(world);
    const durationMs = world.scaled(overloadMs);
    const during = await run(world, Math.round(factor * best.good), durationMs);
    const seen = goodput(during, durationMs);
    const seconds = await recovery(world);
    await sleep(500);
    const ofPeak = (100 * seen.perCore) / best.perCore;
    return [
      atLeast(
        `goodput per core, of ${Math.round(best.perCore)}/s (${Math.round(seen.good)}/s of ${Math.round(best.good)}/s in all)`,
        ofPeak,
        90,
        '%',
      ),
      // A peak that more arrivals exceed was none, and nothing is known.
      atMost('goodput, of the peak', (100 * seen.good) / best.good, 110, '%'),
      atMost('recovery', seconds, 10, 's'),
      ...memory.stop(),
    ];
  },
});

export const cases = [overloaded(2), overloaded(10)];
