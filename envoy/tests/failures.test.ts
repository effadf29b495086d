import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { toBinary } from '@bufbuild/protobuf';
import { ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { ErrorInfoSchema, RetryInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { StatusSchema } from '#gen-google/rpc/status_pb.ts';
import { timedOut } from '#runtime/errors/errors.ts';
import { statusOf } from '#runtime/http/error-body.ts';
import { freePort, waitFor } from '#runtime/testing/wait-for.ts';
import { checkRpc, type Door, descriptorPath, goodToken, startDoor } from '../testing/door.ts';
import { type RunningEnvoy, startEnvoy } from '../testing/envoy-process.ts';
import { type FixtureServices, type Reply, startFixtureServices } from '../testing/fixture-services.ts';
import { ask, errorInfo, grpcError, retryDelay } from '../testing/http.ts';

const html = { accept: 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8' };

describe('while no service answers', () => {
  let envoy: RunningEnvoy;
  beforeAll(async () => {
    const nobody = [{ host: '127.0.0.1', port: await freePort() }];
    const ports = { public: await freePort(), internal: await freePort(), admin: await freePort() };
    envoy = await startEnvoy(ports, {
      link: nobody,
      resolver: nobody,
      identity: nobody,
      analytics: nobody,
      'gateway-access': nobody,
    });
  });
  afterAll(() => envoy.stop());

  test('Envoy is up and says so', async () => {
    expect((await ask(envoy.publicPort, '/healthz')).status).toBe(200);
  });

  test.each(['/abc', '/', '/x/y', '/api/v1/urls', '/readyz'])(
    '%s is 503 with Retry-After, and tells nothing of the inside',
    async (path) => {
      const answer = await ask(envoy.publicPort, path);
      expect([answer.status, answer.headers['retry-after'], retryDelay(answer)]).toEqual([503, '1', '1s']);
      expect(errorInfo(answer)).toMatchObject({ code: 14, reason: 'DEPENDENCY_UNAVAILABLE', domain: 'hopline' });
      expect(answer.body + JSON.stringify(answer.headers)).not.toMatch(
        /upstream|127\.0\.0\.1|connect error|cluster|envoy/i,
      );
    },
  );

  test('a browser gets a page, the API never', async () => {
    const page = await ask(envoy.publicPort, '/abc', { headers: html });
    expect([page.status, page.headers['content-type'], page.headers['retry-after']]).toEqual([
      503,
      'text/html; charset=utf-8',
      '1',
    ]);
    expect(page.body).toContain('<h1>This page cannot be shown right now.</h1>');
    expect(page.body).toContain('<footer>Error 503. ');
    expect(page.body).toContain('width=device-width');
    expect(page.body).toContain('@media (prefers-color-scheme: dark)');
    expect((await ask(envoy.publicPort, '/api/v1/urls', { headers: html })).headers['content-type']).toBe(
      'application/json',
    );
    expect((await ask(envoy.publicPort, '/healthz', { headers: html })).body).toBe('ok\n');
  });

  test('a gRPC client gets a grpc-status', async () => {
    const headers = { 'content-type': 'application/grpc-web+proto' };
    const path = '/hop.link.v1.LinkService/GetLink';
    const answer = await ask(envoy.publicPort, path, { method: 'POST', headers, body: Buffer.alloc(5) });
    expect(grpcError(answer.headers)).toEqual({ status: '14', code: 14, reason: 'DEPENDENCY_UNAVAILABLE' });
    expect(String(answer.headers['grpc-message'])).not.toMatch(/upstream|127/);
  });
});

describe('while gateway-access is away, by which redirects do not go', () => {
  const readinessRpc = 'hop.pages.v1.PagesService/GetReadiness';
  const saying = (text: string, status = '200'): Reply => ({
    metadata: { 'x-status': status },
    response: { contentType: 'application/json', data: Buffer.from(text).toString('base64') },
  });
  let door: Door;
  let access: FixtureServices;
  beforeEach(async () => {
    access = await startFixtureServices(readFileSync(descriptorPath));
    const at = [access.port, await freePort()].map((port) => ({ host: '127.0.0.1', port }));
    door = await startDoor({}, { 'gateway-access': at });
    access.on(readinessRpc, () => saying('all is well'));
    door.services.on(readinessRpc, () => saying('by a resolver'));
    await waitFor(async () => (await readyz()) === '200 all is well', { what: 'gateway-access' });
  });
  afterEach(async () => {
    await door.stop();
    await access.stop();
  });
  const readyz = async (): Promise<string> => {
    const { status, body } = await ask(door.envoy.publicPort, '/readyz');
    return `${status} ${body}`;
  };

  test('one of two of it answers every time', async () => {
    const answers = Array.from({ length: 20 }, readyz);
    expect([...new Set(await Promise.all(answers))]).toEqual(['200 all is well']);
  });

  test.each([
    ['ended', () => access.stop()],
    ['does not answer', () => access.on(readinessRpc, () => ({ ...saying('too late'), delayMs: 5_000 }))],
  ])('and %s, a resolver says that the door is ready', async (_, fault) => {
    await fault();
    for (let asked = 0; asked < 3; asked++) expect(await readyz()).toBe('200 by a resolver');
  });

  describe('or hears of no resolver', () => {
    beforeEach(() => access.on(readinessRpc, () => saying('no resolver serves', '503')));

    test('a resolver that this door reaches says that it is ready', async () => {
      for (let asked = 0; asked < 3; asked++) expect(await readyz()).toBe('200 by a resolver');
    });

    test.each([
      ['is gone', () => door.services.stop()],
      ['hangs', () => door.services.on(readinessRpc, () => ({ ...saying('too late'), delayMs: 5_000 }))],
    ])('and that is so, for each %s: what gateway-access says of it comes through', async (_, fault) => {
      await fault();
      for (let asked = 0; asked < 3; asked++) expect(await readyz()).toBe('503 no resolver serves');
    });
  });
});

describe('a service that hangs', () => {
  let door: Door;
  const hung = createServer();
  beforeAll(async () => {
    await once(hung.listen(0, '127.0.0.1'), 'listening');
    const at = [{ host: '127.0.0.1', port: (hung.address() as AddressInfo).port }];
    door = await startDoor({}, { link: at, resolver: at });
  });
  afterAll(async () => {
    await door.stop();
    hung.close();
  });

  const call = (path: string, question = {}) => ask(door.envoy.publicPort, path, question);
  const signed = { authorization: goodToken };
  const getLink = (headers = {}) =>
    call('/hop.link.v1.LinkService/GetLink', {
      method: 'POST',
      headers: { ...signed, 'content-type': 'application/grpc-web+proto', ...headers },
      body: Buffer.alloc(5),
    });

  test('is 503 with Retry-After over REST and to a browser, and DEADLINE_EXCEEDED over gRPC and gRPC-Web', async () => {
    const client = createClient(
      LinkService,
      createGrpcTransport({ baseUrl: `http://127.0.0.1:${door.envoy.publicPort}` }),
    );
    const [redirect, page, list, web, native] = await Promise.all([
      call('/abc'),
      call('/abc', { headers: html }),
      call('/api/v1/urls', { headers: signed }),
      getLink(),
      client.getLink({ code: 'abc' }, { headers: signed }).then(() => undefined, ConnectError.from),
    ]);
    for (const answer of [redirect, page, list])
      expect([answer.status, answer.headers['retry-after']]).toEqual([503, '1']);
    for (const answer of [redirect, list])
      expect(errorInfo(answer)).toMatchObject({ code: 14, reason: 'DEADLINE_EXCEEDED' });
    expect(page.body).toContain('<h1>This page cannot be shown right now.</h1>');
    expect(page.body).toContain('<footer>Error 503. ');
    expect(page.body).toContain('width=device-width');
    expect(page.body).toContain('@media (prefers-color-scheme: dark)');
    expect(grpcError(web.headers)).toEqual({ status: '4', code: 4, reason: 'DEADLINE_EXCEEDED' });
    expect(web.headers['retry-after']).toBe('1');
    expect([native?.code, native?.findDetails(ErrorInfoSchema)[0]?.reason]).toEqual([4, 'DEADLINE_EXCEEDED']);
    expect(native?.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds).toBe(1n);
  });

  test('is the same to a caller that named a time', async () => {
    const answer = await getLink({ 'grpc-timeout': '100m' });
    expect(grpcError(answer.headers)).toEqual({ status: '4', code: 4, reason: 'DEADLINE_EXCEEDED' });
  });
});

test('one connection more than the limit is refused', async () => {
  const door = await startDoor({ maxConnections: 10 });
  const open = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect(door.envoy.publicPort, '127.0.0.1', () => resolve(socket));
      socket.on('error', reject);
    });
  const sockets = await Promise.all(Array.from({ length: 10 }, open));
  const hungUp = await open().then((socket) => once(socket, 'close'));
  expect(hungUp).toBeDefined();
  for (const socket of sockets) socket.destroy();
  await waitFor(async () => (await ask(door.envoy.publicPort, '/healthz')).status === 200, { what: 'a place' });
  await door.stop();
});

describe('a service that is in trouble', () => {
  let door: Door;
  beforeAll(async () => {
    door = await startDoor();
  });
  afterAll(() => door.stop());
  beforeEach(() => door.clear());
  const list = (headers = {}) =>
    ask(door.envoy.publicPort, '/api/v1/urls', { headers: { authorization: goodToken, ...headers } });

  test('too slow a redirect is 503', async () => {
    door.services.on('hop.resolver.v1.ResolverService/Redirect', () => ({ delayMs: 4_000 }));
    const started = Date.now();
    const answer = await ask(door.envoy.publicPort, '/abc');
    expect([answer.status, answer.headers['retry-after'], JSON.parse(answer.body).code]).toEqual([503, '1', 14]);
    expect(Date.now() - started).toBeLessThan(4_000);
  });

  test('a service that gives up at its deadline is 503 with Retry-After and in its words', async () => {
    const late = timedOut();
    const metadata = { 'grpc-status-details-bin': toBinary(StatusSchema, statusOf(late)) };
    door.services.on('hop.link.v1.LinkService/ListLinks', () => ({
      error: { code: 4, message: late.message, metadata },
    }));
    const answer = await list();
    expect([answer.status, answer.headers['retry-after'], retryDelay(answer)]).toEqual([503, '1', '1s']);
    expect(errorInfo(answer)).toMatchObject({ code: 14, reason: 'DEADLINE_EXCEEDED', message: late.message });
  });

  test('a shed is passed on with its Retry-After, is not sent again, and puts no host out', async () => {
    const rpc = 'hop.link.v1.LinkService/ListLinks';
    door.services.on(rpc, () => ({ error: { code: 14, message: 'shedding', metadata: { 'retry-after': '2' } } }));
    for (let i = 0; i < 20; i++) {
      const answer = await list();
      expect([answer.status, answer.headers['retry-after']]).toEqual([503, '2']);
    }
    expect(door.callsOf(rpc)).toHaveLength(20);
    expect(await door.envoy.stat('cluster.link.outlier_detection.ejections_active')).toBe(0);
  });

  test('a gateway that fails is 503, not a way in', async () => {
    door.services.on(checkRpc, () => ({ error: { code: 13, message: 'secret reason' } }));
    const answer = await list();
    expect([answer.status, errorInfo(answer).reason]).toEqual([503, 'DEPENDENCY_UNAVAILABLE']);
    expect(answer.body).not.toContain('secret');
    expect(door.callsOf('hop.link.v1.LinkService/ListLinks')).toEqual([]);
  });

  test('what the gateway says of its own trouble is passed on', async () => {
    const body = '{"code":14,"message":"busy","details":[{"reason":"OVERLOADED"}]}';
    const headers = [
      { header: { key: 'content-type', value: 'application/json' } },
      { header: { key: 'retry-after', value: '7' } },
    ];
    const deniedResponse = { status: { code: 'ServiceUnavailable' }, headers, body };
    door.services.on(checkRpc, () => ({ response: { status: { code: 14 }, deniedResponse } }));
    const answer = await list();
    expect([answer.status, answer.headers['retry-after'], answer.body]).toEqual([503, '7', body]);
  });

  test('health is asked of every service', async () => {
    for (const cluster of ['link', 'resolver', 'identity', 'analytics', 'live', 'gateway-access', 'pages', 'readiness'])
      await waitFor(async () => (await door.envoy.stat(`cluster.${cluster}.health_check.success`)) > 0, {
        what: cluster,
      });
  });
});
