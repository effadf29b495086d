import { createServer as http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code, ConnectError, createClient, type HandlerContext } from '@connectrpc/connect';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { afterEach, describe, expect, it } from 'vitest';
import { callerOf } from '../caller/access.ts';
import type { Address } from '../config/config.ts';
import { fromConnectError, notFound } from '../errors/errors.ts';
import { startTracing } from '../telemetry/tracing.ts';
import { EchoService } from '../testing/echo-service.ts';
import { testKeys, testPerson } from '../testing/keys.ts';
import { startSilentProxy } from '../testing/silent-proxy.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';
import { startUnansweredPort } from '../testing/unanswered-port.ts';
import { freePort, waitFor } from '../testing/wait-for.ts';
import { pause } from '../time/pause.ts';
import { metadataOf, requestIdOf } from './call.ts';
import { callFrom, meshClient } from './client.ts';
import { service } from './endpoint.ts';
import { failoverTransport, fellSilent } from './failover/failover-transport.ts';

const keys = testKeys();
const running: TestServer[] = [];
const closing: (() => void)[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
  for (const close of closing.splice(0)) close();
});

type Text = { text: string };
type Tail = (request: unknown, context: HandlerContext) => AsyncGenerator<Text>;
type Unary = (request: Text, context: HandlerContext) => Promise<Text> | Text;

async function start(
  answer: { internal?: Unary; person?: Unary; anonymous?: Unary; tail?: Tail },
  port = 0,
): Promise<TestServer> {
  const echo: Unary = ({ text }) => ({ text });
  const rest = { open: echo, anonymous: echo, team: echo, person: echo, internal: echo };
  const server = await startTestServer({
    keys,
    port,
    services: [service(EchoService, { ...rest, tail: async function* () {}, chat: async function* () {}, ...answer })],
  });
  running.push(server);
  return server;
}

const clientOf = (server: TestServer, deadlineMs = 2_000) => clientOfAll([server], deadlineMs);
const clientOfAll = (servers: readonly { address: Address }[], deadlineMs = 2_000) =>
  meshClient(EchoService, {
    addresses: servers.map(({ address }) => address),
    issuer: keys.identity('link'),
    deadlineMs,
  });

/** A process that dies as soon as it has a call, or so long after. */
async function startDying(afterMs = 0): Promise<{ address: Address; calls: () => number }> {
  let calls = 0;
  const dying = http2Server().on('stream', (stream) => {
    calls++;
    void sleep(afterMs).then(() => stream.session?.socket.destroy());
  });
  await new Promise<void>((resolve) => dying.listen(0, '127.0.0.1', resolve));
  closing.push(() => dying.close());
  return { address: { host: '127.0.0.1', port: (dying.address() as AddressInfo).port }, calls: () => calls };
}

/** A client of a service whose streams say one word; what nobody caught; and a way to let its connections fall silent, and new ones not. */
async function startStreaming() {
  const tail = async function* (_: unknown, { signal }: HandlerContext) {
    yield { text: 'a word' };
    await pause(60_000, signal);
  };
  const [first, second] = [await start({ tail }), await start({ tail })];
  const proxy = await startSilentProxy(first.address.port);
  const faults: unknown[] = [];
  const onFault = (fault: unknown): void => void faults.push(fault);
  process.on('uncaughtException', onFault);
  closing.push(proxy.close, () => process.off('uncaughtException', onFault));
  return { client: clientOfAll([proxy]), faults, vanish: () => proxy.silence(second.address.port) };
}

async function failure(call: Promise<unknown>): Promise<ConnectError> {
  return call.then(
    () => {
      throw new Error('The call did not fail.');
    },
    (error: unknown) => ConnectError.from(error),
  );
}

describe('meshClient', () => {
  it('calls as this process', async () => {
    const server = await start({ internal: (_, context) => ({ text: JSON.stringify(callerOf(context)) }) });
    const { text } = await clientOf(server).internal({});
    expect(JSON.parse(text)).toEqual({ kind: 'service', service: 'link' });
  });

  it('hands on what is left of the deadline, the request id and the trace', async () => {
    const seen: { left?: number | undefined; requestId?: string; trace?: string | undefined } = {};
    const back = await start({
      internal(_, context) {
        Object.assign(seen, {
          left: context.timeoutMs(),
          requestId: requestIdOf(context),
          trace: metadataOf(context, 'traceparent'),
        });
        return { text: '' };
      },
    });
    const next = clientOf(back, 60_000);
    const front = await start({ person: async (_, context) => next.internal({}, callFrom(context)) });
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const headers = { 'x-request-id': 'req-7', traceparent };
    await front.client(EchoService, { caller: testPerson() }).person({}, { timeoutMs: 1_000, headers });
    expect(seen).toMatchObject({ requestId: 'req-7', trace: traceparent });
    expect(seen.left).toBeGreaterThan(500);
    expect(seen.left).toBeLessThan(950);
  });

  it('does not call when no time is left, and is canceled with the call it serves', async () => {
    let calls = 0;
    const back = await start({
      internal: async (_, { signal }) => {
        calls++;
        await sleep(5_000, undefined, { signal });
        return { text: '' };
      },
    });
    const next = clientOf(back, 60_000);
    const front = await start({
      async person({ text }, context) {
        if (text === 'late') await sleep(280);
        return next.internal({}, callFrom(context));
      },
    });
    const client = front.client(EchoService, { caller: testPerson() });
    expect((await failure(client.person({ text: 'late' }, { timeoutMs: 300 }))).code).toBe(Code.DeadlineExceeded);
    expect(calls).toBe(0);
    expect((await failure(client.person({}, { timeoutMs: 300 }))).code).toBe(Code.DeadlineExceeded);
    expect(calls).toBe(1);
  });

  it('gives up at its own deadline, and says so when nobody is there', async () => {
    const slow = await start({ internal: async (_, { signal }) => sleep(5_000, { text: '' }, { signal }) });
    expect((await failure(clientOf(slow, 100).internal({}))).code).toBe(Code.DeadlineExceeded);
    const nobody = meshClient(EchoService, {
      addresses: [{ host: '127.0.0.1', port: await freePort() }],
      issuer: keys.identity('link'),
    });
    expect(fromConnectError(await failure(nobody.internal({})))).toMatchObject({
      kind: 'unavailable',
      reason: 'DEPENDENCY_UNAVAILABLE',
    });
  });

  it('comes back by itself when the other process does', async () => {
    const server = await start({});
    const client = clientOf(server);
    await client.internal({});
    const { port } = server.address;
    await server.stop();
    expect((await failure(client.internal({}))).code).toBe(Code.Unavailable);
    await start({}, port);
    expect((await client.internal({ text: 'again' })).text).toBe('again');
  });

  it('spreads its calls, and asks another process when one is going away', async () => {
    const calls = [0, 0];
    const servers = await Promise.all(
      calls.map((_, index) =>
        start({
          internal: () => {
            calls[index] = (calls[index] ?? 0) + 1;
            return { text: String(index) };
          },
        }),
      ),
    );
    const client = clientOfAll(servers);
    for (let call = 0; call < 10; call++) await client.internal({});
    expect(calls).toEqual([5, 5]);
    const stopped = servers[0]?.stop();
    const answers = await Promise.all(Array.from({ length: 8 }, () => client.internal({})));
    await stopped;
    answers.push(await client.internal({}), await client.internal({}));
    expect(answers.every(({ text }) => text !== '')).toBe(true);
    expect(answers.slice(-2).map(({ text }) => text)).toEqual(['1', '1']);
  });

  it('spreads its calls over all processes that a name stands for', async () => {
    const calls = [0, 0];
    const counting = (index: number) =>
      start({
        anonymous: (request) => {
          calls[index] = (calls[index] ?? 0) + 1;
          return request;
        },
      });
    const servers = await Promise.all(calls.map((_, index) => counting(index)));
    const name = { host: 'localhost', port: servers[0]?.address.port ?? 0 };
    const transport = failoverTransport([name], 1_000_000, async () => servers.map(({ address }) => address));
    const client = createClient(EchoService, transport);
    for (let call = 0; call < 20; call++) expect((await client.anonymous({ text: 'there' })).text).toBe('there');
    expect(Math.min(...calls)).toBeGreaterThanOrEqual(9);
  });

  it('asks again what may be asked again when a process dies over it, and only that', async () => {
    const dying = await startDying();
    const well = await start({});
    const client = clientOfAll([dying, well]);
    for (let call = 0; call < 4; call++) expect((await client.internal({ text: 'x' })).text).toBe('x');
    expect(dying.calls()).toBe(1);
    const alone = clientOfAll([dying]);
    const error = fromConnectError(await failure(alone.open({})));
    expect([error.kind, error.reason]).toEqual(['unavailable', 'DEPENDENCY_UNAVAILABLE']);
    expect(dying.calls()).toBe(2);
    let refused = 0;
    const refusing = await start({
      internal() {
        refused++;
        throw notFound('LINK_NOT_FOUND', 'There is no such link.');
      },
    });
    expect((await failure(clientOf(refusing).internal({}))).code).toBe(Code.NotFound);
    expect(refused).toBe(1);
  });

  it('gives a call that is made again what is left of its time', async () => {
    const hanging = await start({ internal: (_, { signal }) => pause(60_000, signal).then(() => ({ text: '' })) });
    const client = clientOfAll([await startDying(900), hanging], 1_000);
    // One of two begins with the process that dies.
    for (let call = 0; call < 2; call++) {
      const startedAt = performance.now();
      expect((await failure(client.internal({}))).code).toBe(Code.DeadlineExceeded);
      expect(performance.now() - startedAt).toBeLessThan(1_800);
    }
  });

  it('makes few calls of many again: a service all of whose processes die gets no twice as many', async () => {
    const [one, other] = [await startDying(), await startDying()];
    const client = clientOfAll([one, other]);
    for (let call = 0; call < 40; call++) await failure(client.internal({ text: 'x' }));
    // Ten, and one for every five calls.
    expect(one.calls() + other.calls()).toBeLessThanOrEqual(40 + 10 + 8);
  });

  it('makes any call elsewhere where nobody listened', async () => {
    const nobody = { address: { host: '127.0.0.1', port: await freePort() } };
    const client = clientOfAll([nobody, await start({})]);
    for (let call = 0; call < 4; call++) expect((await client.anonymous({ text: 'x' })).text).toBe('x');
  });

  it('lives on when it gives up the connection of a stream that fell silent', async () => {
    const { client, faults, vanish } = await startStreaming();
    const silent = new AbortController();
    const stream = client.tail({}, { signal: silent.signal })[Symbol.asyncIterator]();
    await stream.next();
    vanish();
    silent.abort(fellSilent);
    expect((await failure(stream.next())).code).toBe(Code.Unavailable);
    expect((await client.internal({ text: 'next' })).text).toBe('next');
    // A connection that says nothing for two seconds is asked.
    await sleep(2_500);
    expect(faults).toEqual([]);
  }, 10_000);

  it('lives on when a connection does not answer and the next call comes before its end was told', async () => {
    const { client, faults, vanish } = await startStreaming();
    const stream = client.tail({})[Symbol.asyncIterator]();
    await stream.next();
    vanish();
    expect((await failure(stream.next())).code).toBe(Code.Unavailable);
    expect((await client.internal({ text: 'next' })).text).toBe('next');
    expect(faults).toEqual([]);
  }, 10_000);

  it('asks another process when one does not answer its connect, and lets no later call wait for it', async () => {
    const silent = await startUnansweredPort();
    closing.push(silent.close);
    const well = await start({});
    const client = clientOfAll([silent, well], 5_000);
    const tookMs = async (): Promise<number> => {
      const startedAt = performance.now();
      expect((await client.internal({ text: 'x' })).text).toBe('x');
      return performance.now() - startedAt;
    };
    const took: number[] = [];
    for (let call = 0; call < 6; call++) took.push(await tookMs());
    const waited = took.filter((ms) => ms > 500);
    expect(waited).toHaveLength(1);
    expect(waited[0]).toBeLessThan(2_500);
  }, 10_000);

  it('says that a process is unavailable when it does not answer its connect, well before the deadline', async () => {
    const silent = await startUnansweredPort();
    closing.push(silent.close);
    const startedAt = performance.now();
    expect((await failure(clientOfAll([silent], 20_000).open({}))).code).toBe(Code.Unavailable);
    expect(performance.now() - startedAt).toBeLessThan(2_500);
  }, 10_000);

  it('finds out in seconds that a process vanished and left its connection open', async () => {
    const [gone, well] = [await start({}), await start({})];
    const proxy = await startSilentProxy(gone.address.port);
    closing.push(proxy.close);
    const client = clientOfAll([proxy], 200);
    await client.internal({});
    proxy.silence(well.address.port);
    expect((await failure(client.internal({}))).code).toBe(Code.DeadlineExceeded);
    const answer = await waitFor(() => client.internal({ text: 'well' }), { timeoutMs: 8_000 });
    expect(answer.text).toBe('well');
  }, 10_000);

  it('keeps what the other process said through a hop', async () => {
    const back = await start({
      internal: () => {
        throw notFound('LINK_NOT_FOUND', 'There is no such link.');
      },
    });
    const next = clientOf(back);
    const front = await start({ person: (_, context) => next.internal({}, callFrom(context)) });
    const error = fromConnectError(await failure(front.client(EchoService, { caller: testPerson() }).person({})));
    expect(error).toMatchObject({ kind: 'not_found', reason: 'LINK_NOT_FOUND', message: 'There is no such link.' });
  });
});

describe('tracing', () => {
  it('joins both sides of a call in one trace', async () => {
    const exporter = new InMemorySpanExporter();
    const tracing = await startTracing(
      { instance: 'link', otlpEndpoint: undefined },
      new SimpleSpanProcessor(exporter),
    );
    try {
      const back = await start({});
      const next = clientOf(back);
      const front = await start({ person: (_, context) => next.internal({}, callFrom(context)) });
      await front.client(EchoService, { caller: testPerson() }).person({});
      const spans = exporter.getFinishedSpans();
      expect(spans.map(({ name }) => name)).toEqual([
        'hop.test.v1.EchoService/Internal',
        'hop.test.v1.EchoService/Internal',
        'hop.test.v1.EchoService/Person',
      ]);
      expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(1);
      expect(spans[0]?.parentSpanContext?.spanId).toBe(spans[1]?.spanContext().spanId);
      expect(spans[1]?.parentSpanContext?.spanId).toBe(spans[2]?.spanContext().spanId);
    } finally {
      await tracing.stop();
    }
  });
});
