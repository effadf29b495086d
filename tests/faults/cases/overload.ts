// More redirects than the mesh can answer: twice and ten times its peak. They are cold ones, asked for past Envoy's hot set:
// peak and overload have to be of the same kind, and for hot ones the generator would be the first to have too much.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PartName } from '../../../compose/local/graph.ts';
import { atLeast, atMost, type FaultCase, type Finding } from '../case.ts';
import {
  everyPart,
  type Goodput,
  goodput,
  mostConnections,
  ourParts,
  peakOf,
  runFlood,
  steady,
} from '../judge/cold-peak.ts';
import type { World, WorldOptions } from '../world/world.ts';

const links = { cached: 20, cold: 500 };
const mesh: WorldOptions = { links, env: { HOP_RESOLVER_L1_ENTRIES: '100000' } };
const overloadMs = 20_000;
const recoveryMs = 15_000;
/** Resident: Envoy's heap is bounded by 512 MiB, a process of ours by 192 MiB of JavaScript beside code and buffers. */
const most = { envoy: 768, ours: 448 } as const;

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
      const [part, ours] = ourParts
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
  const { seconds } = await runFlood(world, { links: world.cold, rate: 500, durationMs: recoveryMs });
  const first = seconds.findIndex((_, index) => seconds.slice(index).every(({ due, good }) => good === due));
  return first < 0 ? Number.NaN : first;
}

let peak: Goodput | undefined;

const overloaded = (factor: number): FaultCase => ({
  name: `overload-${factor}x`,
  part: 'Overload',
  title: `${factor} times the cold redirects/s that the mesh answers at its peak, for ${overloadMs / 1_000} s, open loop, at most ${mostConnections} connections`,
  criterion:
    'redirects within 1 s, per core left by the generator, at least 90 % of the peak; all of 500/s again within 10 s; memory bounded',
  mesh,
  async run(world) {
    peak ??= await peakOf(world, world.cold);
    const best = peak;
    const memory = followMemory(world);
    const durationMs = world.scaled(overloadMs);
    const rate = Math.round(factor * best.good);
    const seen = goodput(steady(await runFlood(world, { links: world.cold, rate, durationMs })));
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
