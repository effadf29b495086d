import { setImmediate as turnEnds } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { afterEach, expect, it } from 'vitest';
import { ChangeKind, CodeSpaceSchema } from '#gen/link/v1/change_pb.ts';
import { createCodeFilter } from '#runtime/shortlink/code-filter.ts';
import { createCodeKey } from '#runtime/shortlink/code-space.ts';
import { createLog } from '#runtime/telemetry/log.ts';
import { scriptedLinkService, type WatchMessage } from '#runtime/testing/scripted-link-service.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import type { LinkWatch } from '#runtime/watch/link-watch.ts';
import type { L1Options } from '../l1/l1.ts';
import { resolverFixture, testKey, testRecord } from '../testing/resolver-fixture.ts';
import { startWatch } from './watch.ts';

const codeKey = createCodeKey({ id: 1, secret: Buffer.alloc(32, 7) });
const madeUp = codeKey.codeOf(5_000_000);
const codeSpaces = [create(CodeSpaceSchema, { keyId: 1, first: 0n, highWater: 1_000n, blockSize: 100n })];

const silenceMs = 3_000;

function setUp(l1Bounds: Partial<L1Options> = {}) {
  const fixture = resolverFixture({ l1: l1Bounds });
  const link = scriptedLinkService();
  const filter = createCodeFilter({ keys: [codeKey], now: fixture.now });
  /** Silence lasts until the stream is over; a broken stream is followed by the next at once. */
  const sleep = async (ms: number, signal: AbortSignal): Promise<void> => {
    if (ms < silenceMs) return;
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  };
  const { l1, freshness, now } = fixture;
  const lines: { readonly level: string; readonly keys?: unknown }[] = [];
  const log = createLog({ instance: 'test', logLevel: 'info' }, { write: (line) => void lines.push(JSON.parse(line)) });
  const base = { client: link.client, l1, freshness, filter, log, now, sleep, silenceMs };
  watch = startWatch({ ...base, random: () => 1 });
  const beat = (cursor: string, spaces = codeSpaces): WatchMessage => ({
    event: { case: 'heartbeat', value: { readAt: timestampFromMs(now()), cursor, codeSpaces: spaces } },
  });
  const live = () => waitFor(() => freshness.live(now()), { intervalMs: 1, what: 'Watch' });
  return { ...fixture, link, filter, lines, beat, live };
}

let watch: Pick<LinkWatch, 'stop'> | undefined;
afterEach(async () => {
  await watch?.stop();
  watch = undefined;
});

function changed(version: bigint): WatchMessage {
  return { event: { case: 'change', value: { record: testRecord({ version }) } } };
}

it('applies changes, and is live from the second heartbeat of the stream on', async () => {
  const { link, l1, live, beat } = setUp();
  const stream = await link.stream(0);
  expect(stream.cursor).toBe('');
  stream.say(changed(3n));
  stream.say(beat('c1'));
  stream.say(beat('c2'));
  await live();
  const key = `${testKey.domain}/${testKey.code}`;
  expect(l1.offer(l1.inquire(key), testRecord({ version: 2n }), 'redis')).toBeUndefined();
});

it('asks the primary for no link because many were made, or came to their end: older rows say the same of them', async () => {
  const { link, l1 } = setUp({ maxFloors: 2 });
  const stream = await link.stream(0);
  const tell = async (kind: ChangeKind, version: bigint): Promise<void> => {
    for (const code of ['a', 'b', 'c']) {
      stream.say({ event: { case: 'change', value: { kind, record: testRecord({ code, version }) } } });
    }
    const told = () => l1.inquire(`${testKey.domain}/c`).atLeast === version;
    await waitFor(told, { intervalMs: 1, what: 'the changes' });
  };
  await tell(ChangeKind.CREATED, 1n);
  await tell(ChangeKind.EXPIRED, 2n);
  expect(l1.blind(`${testKey.domain}/d`)).toBe(false);
  await tell(ChangeKind.UPDATED, 3n);
  expect(l1.blind(`${testKey.domain}/d`)).toBe(true);
});

it('refuses made-up codes once it knows the lookalikes, and none while it is not sure', async () => {
  const { link, filter, beat, freshness, now } = setUp();
  link.setLookalikes([codeKey.codeOf(6_000_000)]);
  const stream = await link.stream(0);
  expect(filter.check(madeUp)).toBe('maybe');
  stream.say(beat('c0'));
  stream.say(beat('c1'));
  await waitFor(() => filter.check(madeUp) === 'refuse', { intervalMs: 1, what: 'the filter' });
  expect(filter.check(codeKey.codeOf(6_000_000))).toBe('maybe');
  stream.say({ event: { case: 'change', value: { record: testRecord({ code: madeUp }) } } });
  await waitFor(() => filter.check(madeUp) === 'maybe', { intervalMs: 1, what: 'the alias' });
  const other = codeKey.codeOf(7_000_000);
  now.advance(201);
  expect(filter.check(other)).toBe('maybe');
  stream.say(beat('c2'));
  await waitFor(() => filter.check(other) === 'refuse', { intervalMs: 1, what: 'the filter' });
  stream.say({ event: { case: 'resynchronise', value: { reason: 'test' } } });
  await waitFor(() => freshness.epoch === 1, { intervalMs: 1 });
  expect(filter.check(other)).toBe('maybe');
  const next = await link.stream(1);
  for (const cursor of ['c3', 'c4']) next.say(beat(cursor));
  await waitFor(() => filter.check(other) === 'refuse', { intervalMs: 1, what: 'the filter' });
  expect(link.listed()).toBe(2);
});

it('lists the lookalikes again after a failure, a second later, and refuses nothing before', async () => {
  const { link, filter, beat, now, freshness, lines } = setUp();
  link.whenListed(() => Promise.reject(new Error('no list')));
  const stream = await link.stream(0);
  for (const cursor of ['c0', 'c1']) stream.say(beat(cursor));
  await waitFor(() => lines.some(({ level }) => level === 'warn'), { intervalMs: 1, what: 'the failure' });
  link.whenListed(async () => {});
  now.advance(500);
  stream.say(beat('c2'));
  await waitFor(() => freshness.ageMs(now()) < 500, { intervalMs: 1, what: 'the heartbeat' });
  expect([filter.check(madeUp), link.listed()]).toEqual(['maybe', 1]);
  now.advance(500);
  stream.say(beat('c3'));
  await waitFor(() => filter.check(madeUp) === 'refuse', { intervalMs: 1, what: 'the filter' });
});

it('knows nothing by a list of lookalikes that was begun before a gap', async () => {
  const { link, filter, beat } = setUp();
  const [before, after] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  link.whenListed(() => (link.listed() === 1 ? before : after).promise);
  const stream = await link.stream(0);
  for (const cursor of ['c0', 'c1']) stream.say(beat(cursor));
  await waitFor(() => link.listed() === 1, { intervalMs: 1, what: 'the first list' });
  stream.say({ event: { case: 'resynchronise', value: { reason: 'test' } } });
  const next = await link.stream(1);
  for (const cursor of ['c2', 'c3']) next.say(beat(cursor));
  await waitFor(() => link.listed() === 2, { intervalMs: 1, what: 'the second list' });
  before.resolve();
  for (let turn = 0; turn < 20; turn++) await turnEnds();
  expect(filter.check(madeUp)).toBe('maybe');
  after.resolve();
  await waitFor(() => filter.check(madeUp) === 'refuse', { intervalMs: 1, what: 'the filter' });
});

it('refuses nothing while codes are made with another secret, and says so once', async () => {
  const { link, filter, beat, lines } = setUp();
  const stream = await link.stream(0);
  stream.say(beat('c0'));
  stream.say(beat('c1'));
  await waitFor(() => filter.check(madeUp) === 'refuse', { intervalMs: 1, what: 'the filter' });
  const fingerprint = createCodeKey({ id: 1, secret: Buffer.alloc(32, 8) }).fingerprint;
  const others = codeSpaces.map((space) => ({ ...space, fingerprint }));
  for (const cursor of ['c2', 'c3']) stream.say(beat(cursor, others));
  await waitFor(() => filter.check(madeUp) === 'maybe', { intervalMs: 1, what: 'the filter' });
  stream.say(beat('c4'));
  await waitFor(() => filter.check(madeUp) === 'refuse', { intervalMs: 1, what: 'the filter' });
  const [error, ...more] = lines.filter(({ level }) => level === 'error');
  expect([error?.keys, more]).toEqual([[{ key_id: 1, fingerprint }], []]);
  expect(lines.at(-1)).toMatchObject({ level: 'info', msg: expect.stringContaining('again') });
});

it('does not let a heartbeat that was held up vouch for this moment', async () => {
  const { link, filter, beat, now, l1 } = setUp();
  const stream = await link.stream(0);
  stream.say(beat('c0'));
  stream.say(beat('c1'));
  await waitFor(() => filter.check(madeUp) === 'refuse', { intervalMs: 1, what: 'the filter' });
  const late = beat('c2');
  now.advance(500);
  stream.say(late);
  stream.say(changed(9n));
  await waitFor(() => l1.inquire(`${testKey.domain}/${testKey.code}`).atLeast === 9n, { intervalMs: 1 });
  expect(filter.check(madeUp)).toBe('maybe');
});

it('asks for another stream, from the beginning, when changes may have been missed: another primary has another clock', async () => {
  const { link, beat, live, freshness, now } = setUp();
  const stream = await link.stream(0);
  for (const cursor of ['c0', 'c1']) stream.say(beat(cursor));
  await live();
  stream.say({ event: { case: 'resynchronise', value: { reason: 'test' } } });
  const next = await link.stream(1);
  expect(next.cursor).toBe('');
  expect(freshness.live(now())).toBe(false);
  for (const cursor of ['c2', 'c3']) next.say(beat(cursor));
  await live();
  expect(freshness.epoch).toBe(1);
});

it('asks for another stream when the clocks have moved against each other', async () => {
  const { link, beat, live, now } = setUp();
  const stream = await link.stream(0);
  stream.say(beat('c0'));
  stream.say(beat('c1'));
  await live();
  now.advance(60_000);
  const ahead = beat('c2');
  now.advance(-10_000);
  stream.say(ahead);
  expect((await link.stream(1)).cursor).toBe('c2');
});
