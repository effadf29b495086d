// The hot set: what Envoy answers by itself must not outlive the truth, whatever dies.
import { setTimeout as sleep } from 'node:timers/promises';
import { concurrently } from '../../support/concurrently.ts';
import { atLeast, atMost, type FaultCase, type Finding } from '../case.ts';
import type { Target } from '../load/load.ts';
import { call, expectStatus } from '../world/front-door.ts';
import { allHot, answeredByEnvoy, figure, hotLinks, hotMesh as mesh, untilAllHot } from '../world/hot-mesh.ts';
import type { World } from '../world/world.ts';

/** Whatever dies. */
const lateMs = 2_000;
const visibleMs = 250;
const hotAgainMs = 10_000;
const linksAsked = 200;

interface Right {
  readonly code: string;
  readonly status: number;
  readonly location?: string;
}

/** How long after `since` the last wrong follow began; 0 when none was wrong. Follows every 5 ms or as fast as answers come. */
async function lateness(world: World, right: Right, since: number): Promise<number> {
  let last = since;
  let rightInARow = 0;
  while (rightInARow < 5) {
    const at = performance.now();
    if (at - since > 10_000) throw new Error(`${right.code} was still wrong after 10 s.`);
    const answer = await call(`${world.mesh.url}/${right.code}`).catch(() => undefined);
    // A 5xx leads nobody anywhere: it is late for nobody.
    const wrong = answer !== undefined && answer.status < 500 && !isRight(answer, right);
    if (wrong) last = at;
    rightInARow = !wrong && answer !== undefined && answer.status < 500 ? rightInARow + 1 : 0;
    await sleep(5);
  }
  return last - since;
}

function isRight(answer: { status: number; headers: Headers }, { status, location }: Right): boolean {
  return answer.status === status && (location === undefined || answer.headers.get('location') === location);
}

type Edit = 'edit' | 'disable' | 'delete' | 'rename';
const edits: readonly Edit[] = ['edit', 'disable', 'delete', 'rename'];

/** Makes one change; answers what a follower of the old code has to see from then on. */
async function change(world: World, { code }: Target, edit: Edit): Promise<Right> {
  const url = `${world.mesh.url}/api/v1/urls/${code}`;
  const token = world.account.apiKey;
  const patch = (body: object) => expectStatus(200, url, { method: 'PATCH', token, body });
  if (edit === 'edit') {
    const location = `https://example.org/edited/${code}`;
    await patch({ long_url: location });
    return { code, status: 302, location };
  }
  if (edit === 'disable') await patch({ is_active: false });
  else if (edit === 'delete') await expectStatus(200, url, { method: 'DELETE', token });
  else await patch({ alias: `moved-${code}` });
  return { code, status: edit === 'rename' ? 404 : 410 };
}

const quantile = (values: readonly number[], q: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))] ?? Number.NaN;

let next = 0;
/** Links that no case has changed. */
function fresh(world: World): Target {
  const target = world.cached[next++ % hotLinks];
  if (!target) throw new Error('There is no link left.');
  return target;
}

/** One after the other, each change of another kind. */
async function editMany(world: World, times: number): Promise<number[]> {
  const late: number[] = [];
  for (let index = 0; index < times; index++) {
    const target = fresh(world);
    const right = await change(world, target, edits[index % edits.length] ?? 'edit');
    late.push(await lateness(world, right, performance.now()));
    await sleep(50);
  }
  return late;
}

const edited: FaultCase = {
  name: 'hot-edits',
  part: 'Hot set',
  title: 'hot links are edited, disabled, deleted, renamed, with 10,000 entries',
  criterion:
    'the change is visible through Envoy within 250 ms of its answer (p99), and the lease is not withdrawn for it',
  mesh,
  async run(world) {
    await allHot(world);
    const before = await figure(world, 'hop_edge_lease_withdrawals_total');
    const late = await editMany(world, 200);
    const withdrawn = (await figure(world, 'hop_edge_lease_withdrawals_total')) - before;
    return [
      atMost('last wrong answer after a change, p99', quantile(late, 0.99), visibleMs, 'ms'),
      atMost('p50', quantile(late, 0.5), 100, 'ms'),
      atMost('leases withdrawn', withdrawn, 2),
    ];
  },
};

const promoted: FaultCase = {
  name: 'hot-promotion',
  part: 'Hot set',
  title: 'a link begins to be followed 20 times a second, with 10,000 entries',
  criterion: 'Envoy answers it by itself within 1 s',
  mesh,
  async run(world) {
    await allHot(world);
    const took: number[] = [];
    for (const target of await world.makeLinks(5)) {
      const start = Date.now();
      const spooled = await figure(world, 'hop_edge_follows_total', { tier: 'edge' });
      let hotAt: number | undefined;
      while (Date.now() - start < 5_000) {
        await call(`${world.mesh.url}/${target.code}`);
        hotAt ??= (await figure(world, 'hop_edge_follows_total', { tier: 'edge' })) > spooled ? Date.now() : undefined;
        if (hotAt) break;
        await sleep(30);
      }
      took.push((hotAt ?? Number.POSITIVE_INFINITY) - start);
      await sleep(500);
    }
    // What is measured ends when the first hot answer has come out of the spool: 250 ms after it was given.
    return [atMost('first hot answer seen in the spool', Math.max(...took), 1_250, 'ms')];
  },
};

/** Changes a link, does the harm right after the answer, and tells how long followers were led wrong. */
async function harmed(world: World, harm: () => unknown): Promise<number> {
  const target = fresh(world);
  const right = await change(world, target, 'edit');
  const since = performance.now();
  await harm();
  return lateness(world, right, since);
}

const killedEdge: FaultCase = {
  name: 'hot-edge-killed',
  part: 'Hot set',
  title: 'gateway-edge is killed right after and right before a hot link is edited',
  criterion:
    'nobody is sent to an old destination more than 2 s after the edit; 10 s after the return the same links are hot again: Envoy answers them by itself',
  mesh,
  async run(world) {
    const late: number[] = [];
    for (let round = 0; round < 5; round++) {
      await allHot(world);
      late.push(await harmed(world, () => world.mesh.hold('gateway-edge', 'SIGKILL')));
      await world.mesh.release('gateway-edge');
      await allHot(world);
      await world.mesh.hold('gateway-edge', 'SIGKILL');
      late.push(await harmed(world, () => {}));
      await world.mesh.release('gateway-edge');
    }
    const hotAfter = await untilAllHot(world);
    return [
      atMost('last wrong answer after an edit', Math.max(...late), lateMs, 'ms'),
      atMost('hot again after', hotAfter, hotAgainMs, 'ms'),
      ...(await hotOnes(world)),
    ];
  },
};

const killedLink: FaultCase = {
  name: 'hot-link-killed',
  part: 'Hot set',
  title: 'link is killed, or stopped (SIGSTOP), right after a hot link was edited',
  criterion: 'nobody is sent to an old destination more than 2 s after the edit',
  mesh,
  async run(world) {
    const late: number[] = [];
    for (let round = 0; round < 4; round++) {
      await allHot(world);
      late.push(await harmed(world, () => world.mesh.hold('link', 'SIGKILL')));
      await world.mesh.release('link');
      await allHot(world);
      late.push(await harmed(world, () => world.mesh.kill('link', 'SIGSTOP')));
      world.mesh.kill('link', 'SIGCONT');
      await sleep(1_000);
    }
    return [atMost('last wrong answer after an edit', Math.max(...late), lateMs, 'ms')];
  },
};

const silentWatch: FaultCase = {
  name: 'hot-watch-silent',
  part: 'Hot set',
  title: 'nothing gets through between gateway-edge and link, while hot links are still being edited',
  criterion:
    'nobody is sent to an old destination more than 2 s after an edit; once it is open again, the links are hot within 10 s, and correct',
  mesh,
  async run(world) {
    const late: number[] = [];
    for (let round = 0; round < 4; round++) {
      await allHot(world);
      world.proxy('watch').set({ kind: 'hole' });
      late.push(...(await concurrently(20, 20, () => harmed(world, () => sleep(0)))));
      await sleep(3_000);
      late.push(await harmed(world, () => {}));
      world.proxy('watch').set({ kind: 'pass' });
      late.push(await harmed(world, () => {}));
    }
    const hotAfter = await untilAllHot(world);
    const right = await change(world, fresh(world), 'edit');
    late.push(await lateness(world, right, performance.now()));
    // A changed link waits for the next push, with its shard.
    const hotAfterEdit = await untilAllHot(world);
    return [
      atMost('last wrong answer after an edit', Math.max(...late), lateMs, 'ms'),
      atMost('hot again after', hotAfter, hotAgainMs, 'ms'),
      atMost('hot again after one more edit', hotAfterEdit, hotAgainMs, 'ms'),
      ...(await hotOnes(world)),
    ];
  },
};

/** Of the links that no case has changed. */
async function hotOnes(world: World): Promise<Finding[]> {
  const unchanged = world.cached.slice(-linksAsked);
  return [
    atLeast('hot links in the end', await figure(world, 'hop_edge_hot_set_entries'), 0.98 * hotLinks),
    atLeast(`of ${linksAsked} follows answered by Envoy itself`, await answeredByEnvoy(world, unchanged), 98, '%'),
  ];
}

export const cases = [edited, promoted, silentWatch, killedLink, killedEdge];
