import { readFileSync } from 'node:fs';
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterEach, expect, test } from 'vitest';
import { ResolverService } from '#gen/resolver/v1/resolver_service_pb.ts';
import type { Address } from '#runtime/config/config.ts';
import { service } from '#runtime/rpc/endpoint.ts';
import { startTestServer } from '#runtime/testing/test-server.ts';
import { freePort } from '#runtime/testing/wait-for.ts';
import type { Upstream } from '../settings.ts';
import { authorize, checkRpc, descriptorPath, goodToken, startDoor } from '../testing/door.ts';
import { type RunningEnvoy, startEnvoy } from '../testing/envoy-process.ts';
import { type FixtureServices, startFixtureServices } from '../testing/fixture-services.ts';
import { ask } from '../testing/http.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A process that dies over its first call: from then on nobody listens. Its health is asked for first. */
async function startDying(): Promise<Address & { readonly calls: string[] }> {
  const calls: string[] = [];
  const server = createServer();
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    const path = String(headers[':path']);
    if (path.startsWith('/grpc.health')) return void serving(stream);
    calls.push(path);
    server.close();
    stream.session?.socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port, calls };
}

/** A process whose health is good, and that answers nothing else, not even that a deadline is over. */
async function startHanging(): Promise<Address & { readonly calls: string[] }> {
  const calls: string[] = [];
  const server = createServer();
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    const path = String(headers[':path']);
    if (path.startsWith('/grpc.health')) serving(stream);
    else calls.push(path);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port, calls };
}

/** grpc.health.v1: { status: SERVING }. */
function serving(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(Buffer.from([0, 0, 0, 0, 2, 8, 1]));
}

/** Stand-in services beside those that `start` starts. */
async function startBeside(): Promise<FixtureServices & Address> {
  const services = await startFixtureServices(readFileSync(descriptorPath));
  closing.push(() => services.stop());
  return { ...services, host: '127.0.0.1' };
}

/** Envoy before stand-in services, with these addresses beside the one that serves. */
async function start(beside: Partial<Record<Upstream, Address>>): Promise<[RunningEnvoy, FixtureServices]> {
  const services = await startFixtureServices(readFileSync(descriptorPath));
  closing.push(() => services.stop());
  services.on(checkRpc, authorize);
  const serving = { host: '127.0.0.1', port: services.port };
  const at = (name: Upstream): Address[] => [serving, ...(beside[name] ? [beside[name]] : [])];
  const ports = { public: await freePort(), internal: await freePort(), admin: await freePort() };
  const envoy = await startEnvoy(ports, {
    link: at('link'),
    resolver: at('resolver'),
    identity: at('identity'),
    analytics: at('analytics'),
    'gateway-access': at('gateway-access'),
  });
  closing.push(() => envoy.stop());
  return [envoy, services];
}

const signed = { authorization: goodToken, 'content-type': 'application/json' };
const list = async (envoy: RunningEnvoy): Promise<number> =>
  (await ask(envoy.publicPort, '/api/v1/urls', { headers: signed })).status;
const create = async (envoy: RunningEnvoy): Promise<number> =>
  (
    await ask(envoy.publicPort, '/api/v1/urls', {
      method: 'POST',
      headers: signed,
      body: JSON.stringify({ long_url: 'https://example.org/' }),
    })
  ).status;

async function times(count: number, once: () => Promise<number>): Promise<number[]> {
  const statuses = new Set<number>();
  for (let turn = 0; turn < count; turn++) statuses.add(await once());
  return [...statuses];
}

test('a read over which a process dies is asked of another', async () => {
  const dying = await startDying();
  const [envoy] = await start({ link: dying });
  expect(await times(40, () => list(envoy))).toEqual([200]);
  expect(dying.calls).toEqual(['/hop.link.v1.LinkService/ListLinks']);
});

test('a write over which a process dies is never made twice', async () => {
  const dying = await startDying();
  const [envoy, services] = await start({ link: dying });
  const statuses: number[] = [];
  while (dying.calls.length === 0) statuses.push(await create(envoy));
  expect(statuses.at(-1)).toBe(503);
  const made = services.calls.filter(({ rpc }) => rpc.endsWith('/CreateLink'));
  expect(made).toHaveLength(statuses.length - 1);
});

test('while nobody is at one of two addresses, nothing fails', async () => {
  const nobody = { host: '127.0.0.1', port: await freePort() };
  const [envoy] = await start({ link: nobody, resolver: nobody, 'gateway-access': nobody });
  expect(await times(40, () => list(envoy))).toEqual([200]);
  const [status] = await times(20, () => create(envoy));
  expect(status).toBeLessThan(300);
});

const redirectRpc = 'hop.resolver.v1.ResolverService/Redirect';

test('a redirect that one resolver does not answer is asked of another, which then gets them all', async () => {
  const hanging = await startHanging();
  const [envoy, services] = await start({ resolver: hanging });
  services.on(redirectRpc, () => ({ metadata: { 'x-status': '302', location: 'https://example.org/' } }));
  const follow = async (): Promise<number> => (await ask(envoy.publicPort, '/abc')).status;
  expect([...new Set(await Promise.all(Array.from({ length: 20 }, follow)))]).toEqual([302]);
  expect(hanging.calls.length).toBeGreaterThanOrEqual(5);
  hanging.calls.splice(0);
  expect(await times(20, follow)).toEqual([302]);
  expect(hanging.calls).toEqual([]);
});

test('a resolver that is only slow gives up before another is asked, which would take a second use of a link with a limit', async () => {
  let asked = 0;
  const redirect = (): Promise<never> => {
    asked++;
    return new Promise(() => {});
  };
  const resolvers = await Promise.all(
    [1, 2].map(() =>
      startTestServer({
        services: [service(ResolverService, { redirect, resolve: () => expect.unreachable() })],
      }),
    ),
  );
  for (const resolver of resolvers) closing.push(() => resolver.stop());
  const elsewhere = { resolver: resolvers.map(({ address }) => address) };
  const door = await startDoor({}, elsewhere);
  closing.push(() => door.stop());
  const { status, headers } = await ask(door.envoy.publicPort, '/abc');
  expect([status, headers['retry-after'], asked]).toEqual([503, '1', 1]);
});

test('a team’s Resolve is asked of another resolver too, when one does not answer or dies over it', async () => {
  const dying = await startDying();
  const hanging = await startHanging();
  for (const resolver of [dying, hanging]) {
    const [envoy] = await start({ resolver });
    const transport = createGrpcTransport({ baseUrl: `http://127.0.0.1:${envoy.internalPort}` });
    const client = createClient(ResolverService, transport);
    const resolve = () => client.resolve({ code: 'abc' }, { headers: { authorization: goodToken } });
    await expect(Promise.all(Array.from({ length: 20 }, resolve))).resolves.toHaveLength(20);
  }
  expect(dying.calls.length).toBeGreaterThan(0);
  expect(hanging.calls.length).toBeGreaterThan(0);
});

test('a check of credentials over which a process dies is asked of another', async () => {
  const dying = await startDying();
  const [envoy] = await start({ 'gateway-access': dying });
  expect(await times(40, () => list(envoy))).toEqual([200]);
  expect(dying.calls).toHaveLength(1);
});

const pageRpc = 'hop.pages.v1.PagesService/GetPage';

test('a file of the dashboard that one process has not is asked of another; any other page is not', async () => {
  // As while its version is replaced.
  const without = await startBeside();
  without.on(pageRpc, () => ({ metadata: { 'x-status': '404' } }));
  const [envoy, services] = await start({ 'gateway-access': without });
  const page = (path: string) => async (): Promise<number> => (await ask(envoy.publicPort, path)).status;
  expect(await times(40, page('/app/assets/main-x.js'))).toEqual([200]);
  expect(without.calls.filter(({ rpc }) => rpc === pageRpc).length).toBeGreaterThan(0);
  expect((await times(40, page('/app/links'))).sort()).toEqual([200, 404]);
  services.on(pageRpc, () => ({ metadata: { 'x-status': '404' } }));
  expect(await times(4, page('/app/assets/main-y.js'))).toEqual([404]);
});

test('a check that takes long is waited for, and asked once', async () => {
  const [envoy, services] = await start({});
  services.on(checkRpc, (call) => ({ ...authorize(call), delayMs: 400 }));
  expect(await list(envoy)).toBe(200);
  expect(services.calls.filter(({ rpc }) => rpc === checkRpc)).toHaveLength(1);
});
