import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { afterEach, expect, it } from 'vitest';
import { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { unavailable } from '../errors/errors.ts';
import { meshClient } from '../rpc/client.ts';
import { silentLog } from '../telemetry/log.ts';
import { testKeys } from '../testing/keys.ts';
import { present, scriptedLinkService, type WatchMessage } from '../testing/scripted-link-service.ts';
import { startSilentProxy } from '../testing/silent-proxy.ts';
import { waitFor } from '../testing/wait-for.ts';
import { pause } from '../time/pause.ts';
import { followLinks, type LinkWatch } from './link-watch.ts';

const silenceMs = 3_000;
let watch: LinkWatch | undefined;
const closing: (() => void)[] = [];
afterEach(async () => {
  await watch?.stop();
  watch = undefined;
  for (const close of closing.splice(0)) close();
});

function setUp() {
  const link = scriptedLinkService();
  const pauses: { ms: number; over: () => void }[] = [];
  const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      pauses.push({ ms, over: resolve });
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  const heard: string[] = [];
  let time = 0;
  watch = followLinks({
    client: link.client,
    listener: {
      connecting: () => heard.push('connecting'),
      change: ({ record }) => heard.push(`change ${record?.version}`),
      heartbeat: ({ cursor }) => heard.push(`heartbeat ${cursor}`),
      gap: (reason) => heard.push(`gap ${reason}`),
    },
    log: silentLog,
    now: () => time,
    sleep,
    random: () => 1,
    silenceMs,
  });
  return {
    link,
    heard,
    pauses,
    advance: (ms: number) => {
      time += ms;
    },
    /** The next pause between two streams (not the guard of a silent one). */
    pause: (n: number) => present(() => pauses.filter(({ ms }) => ms !== silenceMs)[n], `pause ${n}`),
    hears: (what: string) => waitFor(() => heard.includes(what), { intervalMs: 1, what }),
  };
}

const beat = (cursor: string): WatchMessage => ({
  event: { case: 'heartbeat', value: { readAt: timestampFromMs(0), cursor } },
});
const changed = (version: bigint): WatchMessage => ({
  event: { case: 'change', value: { record: { version } } },
});
const resynchronise: WatchMessage = { event: { case: 'resynchronise', value: { reason: 'replaced' } } };

it('tells what it hears in the order of the stream', async () => {
  const { link, heard, hears } = setUp();
  const stream = await link.stream(0);
  expect(stream.cursor).toBe('');
  for (const message of [changed(3n), beat('c1'), changed(2n), beat('c2')]) stream.say(message);
  await hears('heartbeat c2');
  expect(heard).toEqual(['connecting', 'change 3', 'heartbeat c1', 'change 2', 'heartbeat c2']);
});

it('resumes by the last cursor, later and later until it hears something again', async () => {
  const { link, heard, hears, pause } = setUp();
  const first = await link.stream(0);
  first.say(beat('c1'));
  first.say(beat('c2'));
  await hears('heartbeat c2');
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
  expect(heard.some((what) => what.startsWith('gap'))).toBe(false);
});

it('resumes from where it had caught up, when it was too slow for what came meanwhile', async () => {
  const { link, heard, hears, pause } = setUp();
  const first = await link.stream(0);
  first.say(beat('c1'));
  await hears('heartbeat c1');
  first.end();
  (await pause(0)).over();
  const second = await link.stream(1);
  expect(second.cursor).toBe('c1');
  second.say(changed(2n));
  second.say({ event: { case: 'caughtUp', value: { cursor: 'c2' } } });
  second.end(unavailable('SUBSCRIBER_TOO_SLOW', 'too slow', 100));
  expect((await pause(1)).ms).toBe((await pause(0)).ms);
  (await pause(1)).over();
  expect((await link.stream(2)).cursor).toBe('c2');
  expect(heard).toEqual(['connecting', 'heartbeat c1', 'connecting', 'change 2', 'connecting']);
});

it('begins anew when told to resynchronise', async () => {
  const { link, hears, pause } = setUp();
  const stream = await link.stream(0);
  stream.say(beat('c1'));
  stream.say(resynchronise);
  await hears('gap replaced');
  stream.end();
  (await pause(0)).over();
  expect((await link.stream(1)).cursor).toBe('');
});

it('gives up a stream that has fallen silent', async () => {
  const { link, hears, pauses, pause, advance } = setUp();
  const stream = await link.stream(0);
  stream.say(beat('c1'));
  await hears('heartbeat c1');
  advance(silenceMs);
  pauses.find(({ ms }) => ms === silenceMs)?.over();
  await waitFor(() => stream.ended, { intervalMs: 1, what: 'the end of the stream' });
  (await pause(0)).over();
  expect((await link.stream(1)).cursor).toBe('c1');
});

it('waits for no more than what is left of the silence', async () => {
  const { link, hears, pauses, pause, advance } = setUp();
  const stream = await link.stream(0);
  advance(2_000);
  stream.say(beat('c1'));
  await hears('heartbeat c1');
  advance(1_000);
  pauses[0]?.over();
  expect((await pause(0)).ms).toBe(2_000);
  expect(stream.ended).toBe(false);
});

/** Says hello by its name, often. */
async function startLinkProcess(name: string): Promise<number> {
  const server = createServer(
    connectNodeAdapter({
      routes: ({ rpc }) =>
        rpc(LinkService.method.watch, async function* (_, { signal }) {
          while (!signal.aborted) {
            yield beat(name);
            await pause(10, signal);
          }
        }),
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

it('takes another connection when the process of this one vanished and left it open', async () => {
  const [first, second] = [await startLinkProcess('first'), await startLinkProcess('second')];
  const proxy = await startSilentProxy(first);
  closing.push(proxy.close);
  let last = '';
  watch = followLinks({
    client: meshClient(LinkService, { addresses: [proxy.address], issuer: testKeys().identity('resolver') }),
    listener: {
      connecting() {},
      change() {},
      gap() {},
      heartbeat({ cursor }) {
        last = cursor;
      },
    },
    log: silentLog,
    now: () => performance.now(),
    sleep: pause,
    random: () => 1,
    silenceMs: 300,
  });
  await waitFor(() => last === 'first', { what: 'the first process' });
  proxy.silence(second);
  await waitFor(() => last === 'second', { what: 'the second process' });
});

it('takes another stream when asked to, from where it was', async () => {
  const { link, heard, hears, pause } = setUp();
  const stream = await link.stream(0);
  stream.say(beat('c1'));
  await hears('heartbeat c1');
  watch?.reconnect();
  await waitFor(() => stream.ended, { intervalMs: 1, what: 'the end of the stream' });
  (await pause(0)).over();
  expect((await link.stream(1)).cursor).toBe('c1');
  expect(heard).toEqual(['connecting', 'heartbeat c1', 'connecting']);
});
