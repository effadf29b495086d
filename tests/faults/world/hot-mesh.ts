// A mesh whose cached links are hot: what several files of cases share of it.
import { setTimeout as sleep } from 'node:timers/promises';
import { concurrently } from '../../support/concurrently.ts';
import { scrape, sumOf } from '../../support/metrics.ts';
import type { Target } from '../load/load.ts';
import { call } from './front-door.ts';
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

/** The hot set has (almost) all links and may be served, with all its shards. */
async function isAllHot(world: World): Promise<boolean> {
  const entries = await figure(world, 'hop_edge_hot_set_entries');
  if (entries < 0.98 * hotLinks || (await figure(world, 'hop_edge_lease_held')) !== 1) return false;
  return (await figure(world, 'hop_edge_lease_withheld_shards')) === 0;
}

/** Resolves when the links are hot, and follows them until it is so. */
export async function allHot(world: World): Promise<void> {
  for (let round = 0; round < 4 && !(await isAllHot(world)); round++) {
    await concurrently(hotLinks, 16, (index) => call(`${world.mesh.url}/${world.cached[index]?.code}`));
    await sleep(1_000);
  }
  await untilAllHot(world);
}

/** Resolves when the links are hot, with the time it took, in ms; follows none of them. */
export const untilAllHot = (world: World): Promise<number> => until('the links are hot', () => isAllHot(world));

/** Follows some links, one after another; answers how many in a hundred Envoy answered by itself. */
export async function answeredByEnvoy(world: World, links: readonly Target[]): Promise<number> {
  const byEnvoy = (): Promise<number> => figure(world, 'hop_edge_follows_total', { tier: 'edge' });
  const all = (): Promise<number> => figure(world, 'hop_edge_follows_total');
  const [edgeBefore, allBefore] = [await byEnvoy(), await all()];
  for (const { code } of links) await call(`${world.mesh.url}/${code}`);
  await until('the follows are counted', async () => (await all()) - allBefore >= links.length);
  return (100 * ((await byEnvoy()) - edgeBefore)) / links.length;
}
