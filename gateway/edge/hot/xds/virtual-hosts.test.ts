import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { VirtualHostSchema } from '#gen-envoy/config/route/v3/route_components_pb.ts';
import { DeltaDiscoveryRequestSchema } from '#gen-envoy/service/discovery/v3/discovery_pb.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import type { HotEntry } from '../entry.ts';
import { createHotSet } from '../hot-set.ts';
import { virtualHosts } from './virtual-hosts.ts';

const uuid = '0197f0c6-0000-7000-8000-000000000001';
const entryOf = (code: string, version = 1n): HotEntry => ({
  ...{ domain: 'go.example', code, destination: `https://example.com/${code}`, status: 302, version },
  ...{ cacheControl: 'private, no-store', linkId: uuid, workspaceId: uuid },
});
const routes = [{ name: 'all', match: { pathSpecifier: { case: 'prefix' as const, value: '/' } } }];
const virtualHost = create(VirtualHostSchema, { name: 'all', domains: ['*'], routes });
const base = { name: 'public', virtualHost, taken: new Set<string>(), exactPaths: new Set<string>(), digest: 'one' };

function openHotSet(lingerMs = 1, patienceMs = 6_000) {
  const hosts = new Map([['go.example', ['go.example']]]);
  const pace = { lingerMs, patienceMs };
  const hotSet = createHotSet({ hosts, capacity: { entries: 100, bytes: 1e6 }, log: silentLog, ...pace });
  hotSet.setBase(base);
  return hotSet;
}

const takes = (milliseconds: number) => () => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

/** An Envoy that refuses what holds the word, or what it is told to, and answers once it has built the set. */
async function startEnvoy(
  hotSet: ReturnType<typeof openHotSet>,
  refuses: string | (() => boolean) = 'bad',
  known: Record<string, string> = {},
  build: () => Promise<void> = async () => {},
) {
  const stopping = new AbortController();
  const seen = { pushes: 0, pushedAt: 0, refused: 0, removed: [] as string[], held: '' };
  let say = (_?: { responseNonce: string; errorDetail?: { message: string } }): void => {};
  async function* requests() {
    const node = { id: 'edge-1' };
    yield create(DeltaDiscoveryRequestSchema, { node, initialResourceVersions: known });
    for (;;) {
      const said = await new Promise<Parameters<typeof say>[0]>((go) => (say = go));
      if (!said) return;
      yield create(DeltaDiscoveryRequestSchema, said);
    }
  }
  const done = (async () => {
    const context = { signal: stopping.signal } as HandlerContext;
    for await (const { nonce = '', resources = [], removedResources = [] } of virtualHosts(
      hotSet,
      requests(),
      context,
    )) {
      const text = resources.map(({ resource }) => Buffer.from(resource?.value ?? []).toString('latin1')).join();
      seen.pushes += resources.length;
      if (text) seen.pushedAt = performance.now();
      seen.removed.push(...removedResources);
      const isBad = typeof refuses === 'string' ? text.includes(`/${refuses}`) : text !== '' && refuses();
      if (isBad) seen.refused += 1;
      else if (text) seen.held = text;
      const answer = { responseNonce: nonce, ...(isBad ? { errorDetail: { message: 'no' } } : {}) };
      const built = text ? build() : Promise.resolve();
      // It answers after it was sent the set, not while it is.
      setTimeout(() => void built.then(() => say(answer)));
    }
  })();
  const stop = async () => {
    stopping.abort();
    await done;
    hotSet.stop();
  };
  const before = hotSet.status().connected;
  await waitFor(() => hotSet.status().connected > before);
  return { seen, stop, hangUp: () => say() };
}

test('an entry that Envoy refuses is found among those that are new, left out, and not taken again', async () => {
  const hotSet = openHotSet();
  const envoy = await startEnvoy(hotSet);
  const good = Array.from({ length: 20 }, (_, index) => entryOf(`good${index}`));
  hotSet.put(good.slice(0, 8));
  await hotSet.acknowledged();
  hotSet.put([...good.slice(8), entryOf('bad')]);
  await hotSet.acknowledged();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await hotSet.acknowledged();
  expect(hotSet.status()).toMatchObject({ entries: 20, nacks: 1, refused: 1, connected: 1 });
  expect(hotSet.status().acknowledgedVersion).toBe(hotSet.status().version);
  for (const { code } of good) expect(envoy.seen.held).toContain(`/${code}`);
  hotSet.put([entryOf('bad')]);
  expect(hotSet.status()).toMatchObject({ entries: 20, refused: 2 });
  await envoy.stop();
});

test('an Envoy that refuses everything holds no lease, no link is to blame, and it is left alone until the routes are others', async () => {
  const hotSet = openHotSet();
  const envoy = await startEnvoy(hotSet, '');
  hotSet.put(Array.from({ length: 20 }, (_, index) => entryOf(`good${index}`)));
  hotSet.setLease(10_000);
  await hotSet.acknowledged();
  expect(hotSet.status()).toMatchObject({ entries: 20, nacks: 1, refused: 0 });
  expect(hotSet.lease.leftFor('edge-1')).toBe(0);
  expect(hotSet.lease.isHeld()).toBe(false);
  hotSet.put([entryOf('more')]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  // The set, and then what it falls back to alone.
  expect(envoy.seen.pushes).toBe(2);
  hotSet.setBase({ ...base, digest: 'two' });
  await waitFor(() => envoy.seen.pushes === 4, { what: 'the next set' });
  await envoy.stop();
});

test('no link is to blame for a refusal that does not come again', async () => {
  const hotSet = openHotSet();
  let times = 0;
  const envoy = await startEnvoy(hotSet, () => times++ === 0);
  hotSet.put([entryOf('one'), entryOf('two'), entryOf('three')]);
  await hotSet.acknowledged();
  expect(hotSet.status()).toMatchObject({ entries: 3, nacks: 1, refused: 0 });
  // What was corrected meanwhile waits for the version of that moment: one as new is offered next.
  const { version } = hotSet.status();
  await waitFor(() => (hotSet.newest()?.version ?? 0n) >= version, { what: 'the next set' });
  await envoy.stop();
});

test('what is put while a culprit is looked for is not taken for acknowledged before Envoy has it', async () => {
  const buildMs = 40;
  const hotSet = openHotSet(1.5 * buildMs);
  const envoy = await startEnvoy(hotSet, 'bad', {}, takes(buildMs));
  hotSet.put([entryOf('good'), entryOf('bad')]);
  await waitFor(() => envoy.seen.pushes === 1, { what: 'the set with the culprit' });
  hotSet.put([entryOf('late')]);
  const { version } = hotSet.status();
  await waitFor(() => (hotSet.status().acknowledgedVersion ?? 0n) >= version, { what: 'the acknowledgement' });
  expect(envoy.seen.held).toContain('/late');
  await envoy.stop();
});

test('after a restart nothing is said before something is put, then what an earlier process left is removed', async () => {
  const hotSet = openHotSet();
  const envoy = await startEnvoy(hotSet, 'bad', { 'public/old.example': 'x.1', 'public/go.example': 'x.1' });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(envoy.seen).toMatchObject({ pushes: 0, removed: [] });
  hotSet.setLease(10_000);
  expect(hotSet.lease.isHeld()).toBe(false);
  hotSet.put([entryOf('one')]);
  await hotSet.acknowledged();
  expect(hotSet.lease.isHeld()).toBe(true);
  expect(envoy.seen).toMatchObject({ pushes: 1, removed: ['public/old.example'] });
  hotSet.remove([entryOf('one')]);
  await hotSet.acknowledged();
  expect(envoy.seen.removed).toEqual(['public/old.example', 'public/go.example']);
  await envoy.stop();
});

test('what changes in quick succession is one push, and a slow push is followed by a rest of twice its time', async () => {
  const hotSet = openHotSet();
  const envoy = await startEnvoy(hotSet, 'bad', {}, takes(100));
  for (const code of ['one', 'two', 'three']) hotSet.put([entryOf(code)]);
  hotSet.remove([entryOf('two')]);
  await hotSet.acknowledged();
  expect(envoy.seen.pushes).toBe(1);
  expect(hotSet.status().slowestPushMs).toBeGreaterThan(95);
  const since = performance.now();
  hotSet.put([entryOf('one', 2n)]);
  await hotSet.acknowledged();
  expect(envoy.seen.pushes).toBe(2);
  // The rest and the push itself; timers may be a millisecond early.
  expect(performance.now() - since).toBeGreaterThan(290);
  await envoy.stop();
});

test.each([
  ['at once', 1],
  ['when it has been answered', 150],
])(
  'what is put while a push is under way, and due %s, is pushed after the rest, with what is put meanwhile',
  async (_, lingerMs) => {
    const hotSet = openHotSet(lingerMs);
    const envoy = await startEnvoy(hotSet, 'bad', {}, takes(100));
    hotSet.put([entryOf('one')]);
    await waitFor(() => envoy.seen.pushes === 1, { what: 'the first push' });
    const since = envoy.seen.pushedAt;
    hotSet.put([entryOf('two')]);
    await waitFor(() => hotSet.status().pushes === 1, { what: 'its answer' });
    hotSet.put([entryOf('three')]);
    await waitFor(() => envoy.seen.pushes === 2, { what: 'the second push' });
    expect(envoy.seen.pushedAt - since).toBeGreaterThan(290);
    expect(envoy.seen.held).toContain('/three');
    await envoy.stop();
  },
);

test('an Envoy that connects gets the set at once, whatever another is building', async () => {
  const hotSet = openHotSet();
  const built = Promise.withResolvers<void>();
  const slow = await startEnvoy(hotSet, 'bad', {}, () => built.promise);
  hotSet.put([entryOf('one')]);
  await waitFor(() => slow.seen.pushes === 1, { what: 'the push' });
  hotSet.put([entryOf('two')]);
  const next = await startEnvoy(hotSet);
  await waitFor(() => hotSet.status().pushes === 1, { what: 'its answer to the set' });
  expect(next.seen.pushes).toBe(1);
  built.resolve();
  for (const { seen } of [next, slow]) await waitFor(() => seen.held.includes('/two'), { what: 'the next set' });
  await next.stop();
  await slow.stop();
});

test('an Envoy that goes away while it builds a set keeps no other waiting', async () => {
  const hotSet = openHotSet();
  const gone = await startEnvoy(hotSet, 'bad', {}, () => new Promise(() => {}));
  hotSet.put([entryOf('one')]);
  await waitFor(() => gone.seen.pushes === 1, { what: 'the push' });
  hotSet.put([entryOf('two')]);
  gone.hangUp();
  await waitFor(() => hotSet.status().connected === 0, { what: 'its end' });
  const next = await startEnvoy(hotSet);
  await waitFor(() => next.seen.held.includes('/two'), { what: 'the next set' });
  await next.stop();
});

test('a change of what is hot waits for one that adds to it, for as many missed follows as a push costs, or for its time', async () => {
  const patienceMs = 400;
  const hotSet = openHotSet(1, patienceMs);
  const envoy = await startEnvoy(hotSet);
  const codes = [...'abcdefghijklmnopqrst'].map((letter) => `code-${letter}`);
  hotSet.put(codes.map((code) => entryOf(code)));
  await hotSet.acknowledged();
  const pushes = async (many: number): Promise<number> => {
    const since = performance.now();
    await waitFor(() => envoy.seen.pushes === many, { what: `${many} pushes` });
    return performance.now() - since;
  };
  hotSet.put([entryOf('code-a', 2n)]);
  hotSet.remove([entryOf('code-b')]);
  hotSet.missed(1);
  expect(await pushes(2)).toBeGreaterThan(patienceMs / 2);
  expect(envoy.seen.held).not.toContain('/code-b');

  // Two of twenty: as much as a push costs.
  hotSet.put([entryOf('code-a', 3n)]);
  hotSet.missed(1);
  hotSet.missed(1);
  expect(await pushes(3)).toBeLessThan(patienceMs / 2);
  hotSet.remove([entryOf('code-c')]);
  hotSet.put([entryOf('more')]);
  expect(await pushes(4)).toBeLessThan(patienceMs / 2);
  expect(envoy.seen.held).not.toContain('/code-c');

  // Nothing waits: nothing is sent, and it is no cost of what waits later.
  hotSet.missed(100);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(envoy.seen.pushes).toBe(4);
  hotSet.remove([entryOf('code-d')]);
  hotSet.missed(1);
  expect(await pushes(5)).toBeGreaterThan(patienceMs / 2);
  await envoy.stop();
});
