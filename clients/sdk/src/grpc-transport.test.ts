import { execFile } from 'node:child_process';
import { createServer } from 'node:http2';
import { type AddressInfo, connect, createServer as createProxy, type Socket } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { afterEach, describe, expect, it } from 'vitest';
import { grpcTransport } from './grpc-transport.ts';
import { createHopline } from './node.ts';
import { AnalyticsService, LinkService } from './services.ts';

const closing: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** An installation behind a proxy; `vanish` leaves all its connections open without a word, and new ones work. */
async function startVanishing() {
  const analytics = {
    async *watchClicks(_: unknown, { signal }: { signal: AbortSignal }) {
      yield { event: { case: 'heartbeat' as const, value: {} } };
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
  };
  const server = createServer(
    connectNodeAdapter({
      routes: ({ service }) => service(AnalyticsService, analytics).service(LinkService, { getLink: () => ({}) }),
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const pairs = new Set<[Socket, Socket]>();
  const proxy = createProxy((near) => {
    const far = connect((server.address() as AddressInfo).port, '127.0.0.1');
    for (const socket of [near, far]) socket.on('error', () => socket.destroy());
    near.pipe(far).pipe(near);
    pairs.add([near, far]);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    proxy.close();
    server.close();
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  });
  const vanish = (): void => {
    for (const [near, far] of pairs) {
      near.unpipe(far).resume();
      far.unpipe(near).resume();
    }
  };
  return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, vanish };
}

it('ends no process when a connection fell silent and the next call comes before its end was told', async () => {
  const faults: unknown[] = [];
  const onFault = (fault: unknown): void => void faults.push(fault);
  process.on('uncaughtException', onFault);
  closing.push(() => process.off('uncaughtException', onFault));
  const { url, vanish } = await startVanishing();
  const transport = grpcTransport({ url }, { pingIntervalMs: 300, pingTimeoutMs: 200 });
  const stream = createClient(AnalyticsService, transport).watchClicks({})[Symbol.asyncIterator]();
  await stream.next();
  vanish();
  const broken = await stream.next().then(
    () => undefined,
    (error: unknown) => ConnectError.from(error).code,
  );
  expect(broken).toBe(Code.Unavailable);
  await createClient(LinkService, transport).getLink({ code: 'a' });
  expect(faults).toEqual([]);
}, 10_000);

it.each([200, 403, 503])(
  'a program ends although a proxy answered it with a page: HTTP %i',
  async (status) => {
    const proxy = createServer((_, answer) => {
      answer.writeHead(status, { 'content-type': 'text/html' });
      answer.end('<h1>Sign in to this network</h1>');
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    closing.push(() => proxy.close());
    const example = path.join(import.meta.dirname, '../examples/errors.ts');
    const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@hopline/source', example], {
      env: {
        ...process.env,
        HOP_URL: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
        HOP_API_KEY: 'hop_x',
      },
      timeout: 10_000,
    });
    expect(stdout).toMatch(/^[A-Z_]+: (HTTP|unsupported content type) /);
  },
  20_000,
);

describe('a call whose connection was closed before its answer, as when a proxy restarts', () => {
  /** Closes the connection of the first call without a word, and answers later ones. */
  async function startClosing(how: 'destroy' | 'end' | 'resetAndDestroy') {
    const links = { getLink: () => ({ code: 'spring' }), deleteLink: () => ({}) };
    const answer = connectNodeAdapter({ routes: ({ service }) => service(LinkService, links) });
    const sockets: Socket[] = [];
    let calls = 0;
    const server = createServer((request, response) => {
      calls += 1;
      if (calls > 1) answer(request, response);
      else sockets.at(-1)?.[how]();
    });
    server.on('connection', (socket: Socket) => sockets.push(socket.on('error', () => {})));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    const hop = createHopline({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, apiKey: 'hop_x' });
    return { hop, calls: () => calls };
  }

  it.each(['destroy', 'end', 'resetAndDestroy'] as const)('is made again where that is safe: %s', async (how) => {
    const { hop, calls } = await startClosing(how);
    expect((await hop.links.getLink({ code: 'spring' })).code).toBe('spring');
    expect(calls()).toBe(2);
  });

  it.each(['destroy', 'end', 'resetAndDestroy'] as const)('is told as lost where it is not: %s', async (how) => {
    const { hop, calls } = await startClosing(how);
    await expect(hop.links.deleteLink({ code: 'spring' })).rejects.toMatchObject({ reason: 'UNREACHABLE' });
    expect(calls()).toBe(1);
  });

  it('is told as stopped where its caller stopped it', async () => {
    const stop = new AbortController();
    const server = createServer(() => stop.abort());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => server.close());
    const hop = createHopline({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, apiKey: 'hop_x' });
    await expect(hop.links.getLink({ code: 'spring' }, { signal: stop.signal })).rejects.toMatchObject({
      reason: 'CANCELED',
    });
  });
});
