import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Tier } from '#gen/event/v1/click_pb.ts';
import { type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { scriptedLinkService, type WatchMessage } from '#runtime/testing/scripted-link-service.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import type { FollowedLink } from '../clicks/parse.ts';
import type { HotEntry, HotSet } from './entry.ts';
import { type HotPath, openHotPath } from './hot-path.ts';
import { nameOf } from './link-name.ts';

let directory: string;
let path: HotPath | undefined;
const beating: NodeJS.Timeout[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hop-hot-'));
});
afterEach(async () => {
  for (const timer of beating.splice(0)) clearInterval(timer);
  await path?.stop();
  path = undefined;
  await rm(directory, { recursive: true });
});

const recordOf = (code: string, version: bigint): LinkRecord =>
  create(LinkRecordSchema, {
    id: '018f0000-0000-7000-8000-000000000001',
    workspaceId: '018f0000-0000-7000-8000-0000000000aa',
    domain: 'go.example',
    code,
    version,
    destination: `https://destination.example/${version}`,
    redirectStatus: 302,
  });

const beat = (cursor: string): WatchMessage => ({
  event: { case: 'heartbeat', value: { readAt: timestampFromMs(Date.now()), cursor } },
});

/** Beats now and every 100 ms, as the link service does: one beat alone is old once the machine has stood still. */
function keepBeating(stream: { say(message: WatchMessage): void }, cursor: string): void {
  stream.say(beat(cursor));
  beating.push(setInterval(() => stream.say(beat(cursor)), 100));
}

/** A hot set that every Envoy has at once. */
function memorySet() {
  const entries = new Map<string, HotEntry>();
  const puts: number[] = [];
  const leases: (number | undefined)[] = [];
  /** How many puts came before the first lease. */
  let putsBefore: number | undefined;
  let version = 0n;
  let looks = 0;
  /** What Envoy acknowledges from now on is not heard. */
  let deafAt: bigint | undefined;
  let missed = 0;
  const hotSet: HotSet = {
    put(all) {
      puts.push(all.length);
      version++;
      for (const entry of all) entries.set(nameOf(entry), entry);
      return [];
    },
    remove(keys) {
      version++;
      for (const key of keys) entries.delete(nameOf(key));
    },
    setLease(ttlMs) {
      putsBefore ??= puts.length;
      leases.push(ttlMs);
    },
    status() {
      looks++;
      return {
        ...{ entries: entries.size, bytes: 800 * entries.size, version, acknowledgedVersion: deafAt ?? version },
        ...{ connected: 1, nacks: 0, refused: 0, pushes: 0, slowestPushMs: 0 },
      };
    },
    acknowledged: async () => {},
    missed(follows) {
      missed += follows;
    },
  };
  const turnDeaf = (): void => {
    deafAt = version;
  };
  return {
    ...{ hotSet, entries, puts, leases, turnDeaf },
    ...{ looks: () => looks, putsBeforeLease: () => putsBefore, missed: () => missed },
  };
}

async function start({ failingLookups = 0, hotEntries = 100, lookingUp = async () => {} } = {}) {
  const link = scriptedLinkService();
  let lookups = 0;
  const links: typeof link.client = {
    ...link.client,
    async lookupLinks(...call) {
      if (lookups++ < failingLookups) throw new Error('not now');
      await lookingUp();
      return link.client.lookupLinks(...call);
    },
  };
  const set = memorySet();
  const config = { spoolDir: directory, hotEntries, hotBytes: 1_000_000 };
  path = await openHotPath({ config, hotSet: set.hotSet, links, log: silentLog });
  const running = path;
  void running.run();
  const follow = (code: string, times: number): void => {
    for (let click = 0; click < times; click++) {
      const link = { tier: Tier.L1, domain: 'go.example', code } as FollowedLink;
      running.tap({ link, method: 'GET', atUs: Date.now() * 1_000, path: `/${code}` });
    }
  };
  return { ...set, link, follow };
}

it('makes hot what is followed, keeps it right, and grants the lease while Watch is heard', async () => {
  const { link, entries, leases, follow } = await start();
  for (const code of ['a', 'b']) link.records.set(`go.example/${code}`, recordOf(code, 1n));
  const stream = await link.stream(0);
  follow('a', 5);
  stream.say(beat('c1'));
  await waitFor(() => entries.size === 1, { what: 'the entry' });
  expect(leases).toEqual([]);
  keepBeating(stream, 'c2');
  await waitFor(() => leases.length > 0, { what: 'the lease' });
  expect(leases[0]).toBeGreaterThan(1_000);
  stream.say({ event: { case: 'change', value: { record: recordOf('a', 2n) } } });
  await waitFor(() => entries.get('go.example/a')?.version === 2n, { what: 'the change' });
  stream.say({ event: { case: 'resynchronise', value: { reason: 'test' } } });
  await waitFor(() => leases.at(-1) === undefined, { what: 'the end of the lease' });
  link.records.set('go.example/a', recordOf('a', 3n));
  const second = await link.stream(1);
  expect(second.cursor).toBe('');
  second.say(beat('d1'));
  await waitFor(() => entries.get('go.example/a')?.version === 3n, { what: 'what was missed' });
  keepBeating(second, 'd2');
  await waitFor(() => leases.at(-1) !== undefined, { what: 'the lease again' });
});

it('tells of the follows that resolvers are asked for while a shard is withheld, also where no line of the spool is read', async () => {
  const { link, entries, leases, follow, turnDeaf, missed } = await start();
  for (const code of ['a', 'b']) link.records.set(`go.example/${code}`, recordOf(code, 1n));
  const stream = await link.stream(0);
  follow('a', 20);
  follow('b', 2_000);
  keepBeating(stream, 'c1');
  await waitFor(() => entries.size === 2 && leases.length > 0, { what: 'the lease' });
  turnDeaf();
  stream.say({ event: { case: 'change', value: { record: recordOf('a', 2n) } } });
  await waitFor(() => missed() > 2, { what: 'missed follows' });
  // Those of the other shard would be a hundred times as many.
  const [before, since] = [missed(), performance.now()];
  await sleep(500);
  expect((missed() - before) / (performance.now() - since)).toBeLessThan(0.2);
});

it('looks after a lease that is held when it is to be renewed, and no more often', async () => {
  const { link, leases, looks } = await start();
  const stream = await link.stream(0);
  keepBeating(stream, 'c1');
  await waitFor(() => leases.length > 0, { what: 'the lease' });
  const [before, renewals] = [looks(), leases.length];
  await sleep(1_000);
  expect(leases.length - renewals).toBeGreaterThan(1);
  // At each renewal three times, and before each choice.
  expect(looks() - before).toBeLessThan(30);
});

it('stops while a link is being looked up', async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const { link, follow } = await start({
    lookingUp() {
      asked.resolve();
      return answer.promise;
    },
  });
  follow('a', 5);
  (await link.stream(0)).say(beat('c1'));
  await asked.promise;
  const stopped = path?.stop();
  answer.resolve();
  await stopped;
});

it('takes a link out that is about to end by the clock of the primary, although this host has another time', async () => {
  const { link, entries, follow } = await start();
  const hourMs = 3_600_000;
  const ends = { expiresAt: timestampFromMs(Date.now() + hourMs) };
  link.records.set('go.example/a', create(LinkRecordSchema, { ...recordOf('a', 1n), ...ends }));
  const stream = await link.stream(0);
  follow('a', 5);
  stream.say(beat('c1'));
  await waitFor(() => entries.size === 1, { what: 'the entry' });
  const readAt = timestampFromMs(Date.now() + hourMs);
  stream.say({ event: { case: 'heartbeat', value: { readAt, cursor: 'c2' } } });
  await waitFor(() => entries.size === 0, { what: 'the end' });
});

it('tells Envoy of the links of the process before, whole and read again, before it grants the lease', async () => {
  const first = await start();
  for (const code of ['a', 'b', 'c']) first.link.records.set(`go.example/${code}`, recordOf(code, 1n));
  for (const code of ['a', 'b', 'c']) first.follow(code, 9);
  (await first.link.stream(0)).say(beat('c1'));
  await waitFor(() => first.entries.size === 3, { what: 'the entries' });
  await path?.stop();

  // What is not read at once is asked for again half a second later: time for many a lease.
  const second = await start({ failingLookups: 1 });
  for (const code of ['a', 'b']) second.link.records.set(`go.example/${code}`, recordOf(code, 2n));
  const stream = await second.link.stream(0);
  expect(second.puts).toEqual([]);
  stream.say(beat('c1'));
  keepBeating(stream, 'c2');
  await waitFor(() => second.leases.length > 0, { what: 'the lease' });
  expect(second.putsBeforeLease()).toBe(1);
  expect(second.puts).toEqual([2]);
  expect([...second.entries.values()].map(({ version }) => version)).toEqual([2n, 2n]);
});

it('keeps no more of the process before than there is room for now, although nobody follows anything', async () => {
  const codes = ['a', 'b', 'c'];
  const first = await start();
  for (const [index, code] of codes.entries()) {
    first.link.records.set(`go.example/${code}`, recordOf(code, 1n));
    first.follow(code, 10 * (index + 1));
  }
  (await first.link.stream(0)).say(beat('c1'));
  await waitFor(() => first.entries.size === 3, { what: 'the entries' });
  await path?.stop();

  const second = await start({ hotEntries: 2 });
  for (const code of codes) second.link.records.set(`go.example/${code}`, recordOf(code, 1n));
  (await second.link.stream(0)).say(beat('c1'));
  await waitFor(() => second.entries.size > 0, { what: 'the entries' });
  expect([...second.entries.keys()].sort()).toEqual(['go.example/b', 'go.example/c']);
});
