import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { afterEach, expect, it } from 'vitest';
import { CodeSpaceSchema } from '#gen/link/v1/change_pb.ts';
import { LinkService, type WatchResponseSchema } from '#gen/link/v1/link_service_pb.ts';
import { unavailable } from '#runtime/errors/errors.ts';
import { createCodeFilter } from '#runtime/shortlink/code-filter.ts';
import { createCodeKey } from '#runtime/shortlink/code-space.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { resolverFixture, testKey, testRecord } from '../testing/resolver-fixture.ts';
import { startWatch, type Watch } from './watch.ts';

type Message = MessageInitShape<typeof WatchResponseSchema>;

async function present<Value>(pick: () => Value | undefined, what: string): Promise<Value> {
  const value = await waitFor(pick, { intervalMs: 1, what });
  if (value === undefined) throw new Error(`There is no ${what}.`);
  return value;
}

/** A LinkService in memory whose streams say what the test says. */
function scriptedLinkService() {
  const streams: { cursor: string; say(message: Message): void; end(error?: Error): void; ended: boolean }[] = [];
  let lookalikes: string[] = [];
  let listed = 0;
  const transport = createRouterTransport(({ rpc }) => {
    rpc(LinkService.method.watch, async function* ({ cursor }, { signal }) {
      let queue: (Message | Error | undefined)[] = [];
      let wake = Promise.withResolvers<void>();
      const push = (entry: Message | Error | undefined): void => {
        queue.push(entry);
        wake.resolve();
      };
      const stream = { cursor, say: push, end: push as (error?: Error) => void, ended: false };
      signal.addEventListener('abort', () => push(undefined));
      streams.push(stream);
      try {
        for (;;) {
          await wake.promise;
          wake = Promise.withResolvers<void>();
          const entries = queue;
          queue = [];
          for (const entry of entries) {
            if (entry === undefined) return;
            if (entry instanceof Error) throw entry;
            yield entry;
          }
        }
      } finally {
        stream.ended = true;
      }
    });
    rpc(LinkService.method.listLookalikes, async function* () {
      listed++;
      yield { codes: lookalikes };
    });
  });
  return {
    client: createClient(LinkService, transport),
    streams,
    setLookalikes: (codes: string[]) => {
      lookalikes = codes;
    },
    listed: () => listed,
    /** The n-th stream, once it is open. */
    stream: (n: number) => present(() => streams[n], `stream ${n}`),
  };
}

const codeKey = createCodeKey({ id: 1, secret: Buffer.alloc(32, 7) });
const madeUp = codeKey.codeOf(5_000_000);
const codeSpaces = [create(CodeSpaceSchema, { keyId: 1, first: 0n, highWater: 1_000n, blockSize: 100n })];

function setUp() {
  const fixture = resolverFixture();
  const link = scriptedLinkService();
  const filter = createCodeFilter({ keys: [codeKey], now: fixture.now });
  const pauses: { ms: number; over: () => void }[] = [];
  const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      pauses.push({ ms, over: resolve });
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  const { l1, freshness, now } = fixture;
  const silenceMs = 3_000;
  const base = { client: link.client, l1, freshness, filter, log: silentLog, now, sleep, silenceMs };
  watch = startWatch({ ...base, random: () => 1 });
  const beat = (cursor: string): Message => ({
    event: { case: 'heartbeat', value: { readAt: timestampFromMs(now()), cursor, codeSpaces } },
  });
  const live = () => waitFor(() => freshness.live(now()), { intervalMs: 1, what: 'Watch' });
  /** The next pause between two streams (not the guard of a silent one). */
  const pause = (n: number) => present(() => pauses.filter(({ ms }) => ms !== silenceMs)[n], `pause ${n}`);
  return { ...fixture, link, filter, beat, live, pause, pauses };
}

let watch: Watch | undefined;
afterEach(async () => {
  await watch?.stop();
  watch = undefined;
});

function changed(version: bigint, previousCode = ''): Message {
  return { event: { case: 'change', value: { record: testRecord({ version }), previousCode } } };
}

it('applies changes, and is live from the first heartbeat on', async () => {
  const { link, l1, live, beat } = setUp();
  const stream = await link.stream(0);
  expect(stream.cursor).toBe('');
  stream.say(changed(3n));
  stream.say(beat('c1'));
  await live();
  const key = `${testKey.domain}/${testKey.code}`;
  expect(l1.offer(l1.inquire(key), testRecord({ version: 2n }), 'redis')).toBeUndefined();
});

it('resumes by the last cursor, later and later until it hears something again', async () => {
  const { link, live, beat, pause, freshness } = setUp();
  const first = await link.stream(0);
  first.say(beat('c1'));
  first.say(beat('c2'));
  await live();
  first.end(unavailable('DEPENDENCY_UNAVAILABLE', 'gone', 0));
  (await pause(0)).over();
  const second = await link.stream(1);
  expect(second.cursor).toBe('c2');
  second.end();
  expect((await pause(1)).ms).toBeGreaterThan((await pause(0)).ms);
  (await pause(1)).over();
  const third = await link.stream(2);
  expect(third.cursor).toBe('c2');
  third.say(beat('c3'));
  third.end();
  expect((await pause(2)).ms).toBe((await pause(0)).ms);
  expect(freshness.epoch).toBe(0);
});

it('begins anew when told to resynchronise', async () => {
  const { link, live, beat, freshness, pause } = setUp();
  const stream = await link.stream(0);
  stream.say(beat('c1'));
  await live();
  stream.say({ event: { case: 'resynchronise', value: { reason: 'the primary was replaced' } } });
  await waitFor(() => freshness.epoch === 1, { intervalMs: 1 });
  stream.end();
  (await pause(0)).over();
  expect((await link.stream(1)).cursor).toBe('');
});

it('gives up a stream that has fallen silent', async () => {
  const { link, live, beat, pauses, pause, now } = setUp();
  const stream = await link.stream(0);
  stream.say(beat('c1'));
  await live();
  now.advance(3_000);
  const guard = pauses.find(({ ms }) => ms === 3_000);
  guard?.over();
  await waitFor(() => stream.ended, { intervalMs: 1, what: 'the end of the stream' });
  (await pause(0)).over();
  expect((await link.stream(1)).cursor).toBe('c1');
});

it('refuses made-up codes once it knows the lookalikes, and none while it is not sure', async () => {
  const { link, filter, beat, freshness, now } = setUp();
  link.setLookalikes([codeKey.codeOf(6_000_000)]);
  const stream = await link.stream(0);
  expect(filter.check(madeUp)).toBe('maybe');
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
  stream.say(beat('c3'));
  await waitFor(() => filter.check(other) === 'refuse', { intervalMs: 1, what: 'the filter' });
  expect(link.listed()).toBe(2);
});

it('does not let a heartbeat that was held up vouch for this moment', async () => {
  const { link, filter, beat, now, l1 } = setUp();
  const stream = await link.stream(0);
  stream.say(beat('c1'));
  await waitFor(() => filter.check(madeUp) === 'refuse', { intervalMs: 1, what: 'the filter' });
  const late = beat('c2');
  now.advance(500);
  stream.say(late);
  stream.say(changed(9n));
  await waitFor(() => l1.inquire(`${testKey.domain}/${testKey.code}`).atLeast === 9n, { intervalMs: 1 });
  expect(filter.check(madeUp)).toBe('maybe');
});
