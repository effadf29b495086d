// A mesh whose cached links are hot: what several files of cases share of it.
import { setTimeout as sleep } from 'node:timers/promises';
import { concurrently } from '../mesh/support/concurrently.ts';
import { call } from './front-door.ts';
import { scrape, sumOf } from './metrics.ts';
import { scale, type World, type WorldOptions } from './world.ts';

/** Fewer for development: to make and to follow them takes a minute or two. */
export const hotLinks = Math.round(10_000 * Math.min(1, scale));
export const hotMesh: WorldOptions = {
  links: { cached: hotLinks, cold: 1_500 },
  proxies: { watch: { from: ['gateway-edge'], to: 'link' } },
};

/** What gateway-edge says of itself; 0 while it does not answer. */
export async function figure(world: World, metric: string, labels = {}): Promise<number> {
  return sumOf((await scrape(world.mesh.ports['gateway-edge-metrics'])) ?? '', metric, labels) ?? 0;
}

/** Resolves with the time it took, in ms; rejects when the condition is not met in time. */
export async function until(what: string, condition: () => Promise<boolean>, timeoutMs = 30_000): Promise<number> {
  const since = Date.now();
  while (!(await condition())) {
    if (Date.now() - since > timeoutMs) throw new Error(`Not within ${timeoutMs} ms: ${what}.`);
    await sleep(50);
  }
  return Date.now() - since;
}

/** Resolves when the hot set has (almost) all links and may be served; follows them until it is so. */
export async function allHot(world: World): Promise<void> {
  const ready = async (): Promise<boolean> => {
    const entries = await figure(world, 'hop_edge_hot_set_entries');
    return entries >= 0.98 * hotLinks && (await figure(world, 'hop_edge_lease_held')) === 1;
  };
  for (let round = 0; round < 4 && !(await ready()); round++) {
    await concurrently(hotLinks, 16, (index) => call(`${world.mesh.url}/${world.cached[index]?.code}`));
    await sleep(1_000);
  }
  await until('the links are hot', ready);
}
