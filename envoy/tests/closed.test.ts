import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Exposure } from '#gen/options/v1/access_pb.ts';
import { readContract } from '#runtime/contract/contract.ts';
import { checkRpc, type Door, descriptorPath, goodToken, startDoor } from '../testing/door.ts';
import { ask, sendRaw } from '../testing/http.ts';

const rpcs = readContract(readFileSync(descriptorPath));
const resolve = 'hop.resolver.v1.ResolverService/Resolve';
const closed = [
  ...rpcs.filter(({ exposure }) => exposure !== Exposure.PUBLIC).map(({ name }) => name),
  'grpc.health.v1.Health/Check',
  'grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  checkRpc,
  'envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit',
  'envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources',
];

let door: Door;
beforeAll(async () => {
  door = await startDoor();
});
afterAll(() => door.stop());
beforeEach(() => door.clear());

/** Calls that arrived at a service; pages and redirects, which any path may ask for, are not counted. */
const reached = (): string[] =>
  door.services.calls
    .map(({ rpc }) => rpc)
    .filter((rpc) => !/PagesService\/GetPage$|ResolverService\/Redirect$/.test(rpc));

interface GrpcAnswer {
  readonly status: string | undefined;
  readonly grpcStatus: string | undefined;
}

/** A call over HTTP/2 with an empty message, with whatever path and headers. */
function grpcCall(port: number, path: string, headers: Record<string, string> = {}): Promise<GrpcAnswer> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://127.0.0.1:${port}`);
    session.on('error', reject);
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization: goodToken,
      ...headers,
    });
    const answer: { status?: string; grpcStatus?: string } = {};
    const read = (received: Record<string, unknown>): void => {
      if (received[':status'] !== undefined) answer.status = String(received[':status']);
      if (received['grpc-status'] !== undefined) answer.grpcStatus = String(received['grpc-status']);
    };
    stream.on('response', read);
    stream.on('trailers', read);
    stream.on('error', () => undefined);
    stream.on('close', () => {
      session.close();
      resolve({ status: answer.status, grpcStatus: answer.grpcStatus });
    });
    stream.resume();
    stream.end(Buffer.from([0, 0, 0, 0, 0]));
  });
}

describe('what is not PUBLIC is out of reach on the public listener', () => {
  test('there is something to keep closed', () => {
    for (const name of ['hop.link.v1.LinkService/Watch', 'hop.identity.v1.IdentityService/VerifyApiKey', resolve])
      expect(closed).toContain(name);
  });

  test.each(closed)('%s by gRPC', async (name) => {
    const answer = await grpcCall(door.envoy.publicPort, `/${name}`);
    expect(answer).toEqual({ status: '200', grpcStatus: '12' });
    expect(door.services.calls).toEqual([]);
  });

  test.each(closed)('%s by gRPC-Web, Connect and REST', async (name) => {
    const types = [
      'application/grpc-web+proto',
      'application/grpc-web-text',
      'application/proto',
      'application/json',
      'application/connect+proto',
      'APPLICATION/GRPC',
      '',
    ];
    for (const type of types)
      for (const method of ['POST', 'GET', 'PUT']) {
        const headers = {
          authorization: goodToken,
          'connect-protocol-version': '1',
          ...(type ? { 'content-type': type } : {}),
        };
        const answer = await ask(door.envoy.publicPort, `/${name}`, {
          method,
          headers,
          ...(method === 'GET' ? {} : { body: '{}' }),
        });
        if (answer.headers['grpc-status'] === undefined)
          expect([type, method, answer.status]).toEqual([type, method, 404]);
        else expect([type, answer.headers['grpc-status']]).toEqual([type, '12']);
      }
    expect(door.services.calls).toEqual([]);
  });

  const disguises = (name: string): string[] => {
    const [service = '', method = ''] = name.split('/');
    return [
      `//${name}`,
      `/${service}//${method}`,
      `/${service}%2F${method}`,
      `/${service}%2f${method}`,
      `/%2F${name}`,
      `/./${name}`,
      `/x/../${name}`,
      `/x/%2e%2e/${name}`,
      `/x%2F..%2F${name}`,
      `/${service}/./${method}`,
      `/${name}/`,
      `/${name}?a=b`,
      `/${name}%20`,
      `/${name};x`,
      `/${service}/%${method.charCodeAt(0).toString(16)}${method.slice(1)}`,
      `/${service.toUpperCase()}/${method}`,
      `/${service}/${method.toLowerCase()}`,
      `/${service}\\${method}`,
      `/api/v1/urls/../../../${name}`,
      `/api/${name}`,
      `/r/${name}`,
      `http://evil/${name}`,
    ];
  };
  test.each([
    'hop.link.v1.LinkService/Watch',
    'hop.link.v1.LinkService/LookupLinks',
    resolve,
    'grpc.health.v1.Health/Check',
  ])('%s by disguises of its path', async (name) => {
    for (const path of disguises(name)) {
      await grpcCall(door.envoy.publicPort, path);
      for (const method of ['GET', 'POST']) {
        const answer = await ask(door.envoy.publicPort, path, { method, headers: { authorization: goodToken } });
        expect([path, answer.status >= 200 && answer.status < 500]).toEqual([path, true]);
      }
      expect([path, reached()]).toEqual([path, []]);
    }
  });

  test.each([
    ['x-envoy-original-path', '/hop.link.v1.LinkService/Watch'],
    ['x-envoy-original-method', 'POST'],
    ['x-original-url', '/hop.link.v1.LinkService/Watch'],
    ['x-rewrite-url', '/hop.link.v1.LinkService/Watch'],
    ['x-http-method-override', 'DELETE'],
    ['x-hop-caller', 'forged'],
    ['x-envoy-decorator-operation', 'x'],
    ['host', '127.0.0.1:9901'],
    ['host', 'link:7001'],
    ['x-forwarded-host', 'link:7001'],
    ['upgrade', 'h2c'],
    ['content-type', 'application/grpc'],
  ])('by a header: %s: %s', async (name, value) => {
    for (const path of ['/hop.link.v1.LinkService/Watch', '/abc', '/api/nope', '/']) {
      const method = name === 'content-type' ? 'POST' : 'GET';
      const answer = await ask(door.envoy.publicPort, path, { method, headers: { [name]: value } });
      expect(answer.status).toBeLessThan(500);
    }
    expect(reached()).toEqual([]);
  });

  test('a request for https at a door without it is malformed, and wants no credentials', async () => {
    const answer = await ask(door.envoy.publicPort, 'https://localhost/abc');
    expect(answer.status).toBe(400);
    expect(answer.body).toContain('MALFORMED_REQUEST');
  });

  test.each([
    'a@localhost',
    'user:pw@localhost',
    '@',
    'localhost@',
    ':80',
    'localhost:http',
    'localhost,localhost',
    '[::1',
    '::1',
  ])('a host %j is 400, and reaches nobody', async (host) => {
    for (const path of ['/abc', '/r/abc', '/', '/healthz', '/api/v1/urls/abc', '/hop.link.v1.LinkService/GetLink']) {
      for (const port of [door.envoy.publicPort, door.envoy.internalPort]) {
        const answer = await ask(port, path, { headers: { host, authorization: goodToken } });
        expect([path, answer.status]).toEqual([path, 400]);
      }
    }
    expect(door.services.calls).toEqual([]);
  });

  test.each(['localhost', 'LOCALHOST:8080', 'localhost:', 'a_b.example.', '127.0.0.1:80', '[::1]', '[::1]:8080'])(
    'a host %s is one',
    async (host) => expect((await ask(door.envoy.publicPort, '/healthz', { headers: { host } })).status).toBe(200),
  );

  test.each([
    ['no one', ''],
    ['an empty one', 'Host:\r\n'],
    ['two', 'Host: localhost\r\nHost: other.example\r\n'],
    ['the same twice', 'Host: localhost\r\nHost: localhost\r\n'],
  ])('%s of the header Host is 400, and reaches nobody', async (_, hosts) => {
    const answer = await sendRaw(door.envoy.publicPort, `GET /abc HTTP/1.1\r\n${hosts}\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 400 .*MALFORMED_REQUEST/s);
    expect(door.services.calls).toEqual([]);
  });

  test.each(['TLS/1.2', 'h2c', 'websocket', 'TLS/1.2, websocket'])(
    'an offer to speak %s is not taken up, and not refused',
    async (upgrade) => {
      const headers = { connection: 'upgrade', upgrade, 'http2-settings': 'AAMAAABkAAQAAP__' };
      const plain = await ask(door.envoy.publicPort, '/abc');
      expect((await ask(door.envoy.publicPort, '/abc', { headers })).status).toBe(plain.status);
      const signed = { ...headers, authorization: goodToken };
      expect((await ask(door.envoy.publicPort, '/api/v1/urls/abc', { headers: signed })).status).toBe(200);
    },
  );

  test('REST paths do not serve gRPC', async () => {
    for (const path of ['/api/v1/urls', '/api/auth/signup', '/abc', '/'])
      expect(await grpcCall(door.envoy.publicPort, path)).toEqual({ status: '200', grpcStatus: '12' });
    expect(door.services.calls).toEqual([]);
  });

  test('a PUBLIC call does not speak Connect', async () => {
    const headers = { 'content-type': 'application/json', 'connect-protocol-version': '1', authorization: goodToken };
    const answer = await ask(door.envoy.publicPort, '/hop.link.v1.LinkService/GetLink', {
      method: 'POST',
      headers,
      body: '{}',
    });
    expect(answer.status).toBe(404);
    expect(door.services.calls).toEqual([]);
  });
});

describe('the internal listener', () => {
  test('serves what teams may call, and asks who calls', async () => {
    expect(await grpcCall(door.envoy.internalPort, `/${resolve}`)).toEqual({ status: '200', grpcStatus: '0' });
    expect(door.callsOf(resolve)[0]?.headers['x-hop-caller']).toBe(resolve);
    door.clear();
    expect((await grpcCall(door.envoy.internalPort, `/${resolve}`, { authorization: 'Bearer bad' })).grpcStatus).toBe(
      '16',
    );
    expect(door.callsOf(resolve)).toEqual([]);
  });

  test('serves the PUBLIC calls', async () => {
    const path = '/hop.link.v1.LinkService/GetLink';
    expect((await grpcCall(door.envoy.internalPort, path)).grpcStatus).toBe('0');
    expect(
      (await ask(door.envoy.internalPort, '/api/v1/urls/abc', { headers: { authorization: goodToken } })).status,
    ).toBe(200);
  });

  test('does not serve what is INTERNAL', async () => {
    for (const name of closed.filter((each) => each !== resolve))
      expect([name, (await grpcCall(door.envoy.internalPort, `/${name}`)).grpcStatus]).toEqual([name, '12']);
    expect(door.services.calls).toEqual([]);
  });
});

test('nothing in use is marked work in progress by Envoy', async () => {
  expect(await door.envoy.stat('server.wip_protos')).toBe(0);
  expect(await door.envoy.stat('http.public.rds.public.update_success')).toBe(1);
  expect(await door.envoy.stat('http.internal.rds.internal.update_success')).toBe(1);
});
