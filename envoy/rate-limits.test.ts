import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { ErrorInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { type CheckRequest, checkRpc, type Door, goodToken, limitRpc, startDoor } from './testing/door.ts';
import { ask, errorInfo, grpcError, type HttpQuestion, retryDelay, sendRaw } from './testing/http.ts';

/** The order of what gateway-access is asked. */
const login = 'hop.identity.v1.IdentityService/LogIn';
const redirect = 'hop.resolver.v1.ResolverService/Redirect';
const figures = {
  signups: { calls: 50, periodSeconds: 3_600 },
  logins: { calls: 5, periodSeconds: 3_600 },
  anonymous: { calls: 200, periodSeconds: 3_600 },
  caller: { calls: 20, periodSeconds: 3_600 },
};

let door: Door;
beforeAll(async () => {
  // A proxy in front that is believed, so that a test can be many addresses.
  door = await startDoor({ rateLimits: figures, trustedProxies: 1 });
});
afterAll(() => door.stop());
beforeEach(() => door.clear());
afterEach(() => door.services.on(limitRpc, () => ({ response: { overallCode: 'OK' } })));

let addresses = 0;
const newAddress = (): string => `198.51.100.${++addresses}`;
const from = (address: string, path: string, { headers, ...question }: HttpQuestion = {}) =>
  ask(door.envoy.publicPort, path, { ...question, headers: { ...headers, 'x-forwarded-for': address } });
const post = { method: 'POST', body: '{}' };
const signed = { headers: { authorization: goodToken } };

/** What the shared count was asked, as `key=value` of each descriptor. */
const asked = (): string[][] =>
  door.callsOf(limitRpc).flatMap(({ request }) => {
    const { descriptors } = request as unknown as { descriptors: { entries: { key: string; value: string }[] }[] };
    return descriptors.map(({ entries }) => entries.map(({ key, value }) => `${key}=${value}`));
  });

test('the resolver is told the address, as Envoy knows it and no client says it', async () => {
  await from('2001:db8::7', '/abc', { headers: { 'x-envoy-external-address': '192.0.2.1' } });
  expect(door.callsOf(redirect)[0]?.headers['x-envoy-external-address']).toBe('2001:db8::7');
});

describe('the shared count is asked', () => {
  test.each([
    ['/api/auth/signup', post, 'signups'],
    ['/api/auth/login', post, 'logins'],
    ['/api/auth/login', { ...post, ...signed }, 'logins'],
    ['/api/v1/users/me:changePassword', { ...post, ...signed }, 'logins'],
    ['/api/v1/users/me:delete', { ...post, ...signed }, 'logins'],
    ['/api/v1/users/me', { ...post, ...signed, method: 'PATCH' }, 'logins'],
    ['/api/auth/refresh', post, 'anonymous'],
    ['/.well-known/jwks.json', signed, 'anonymous'],
    ['/api/v1/urls', {}, 'anonymous'],
  ])('of %s %o: the address, among %s', async (path, question, limit) => {
    const address = newAddress();
    await from(address, path, question);
    expect(asked()).toEqual([[`limit=${limit}`, `masked_remote_address=${address}/32`]]);
  });

  test('of a call with credentials: not; the check counts it, once it is known whose they are', async () => {
    await from(newAddress(), '/api/v1/urls', signed);
    expect(door.services.calls.map(({ rpc }) => rpc)).toEqual([checkRpc, 'hop.link.v1.LinkService/ListLinks']);
  });

  test('of a call with bad credentials: not at all; gateway-access counts it by itself', async () => {
    const answer = await from(newAddress(), '/api/v1/urls', { headers: { authorization: 'Bearer bad' } });
    expect([answer.status, asked()]).toEqual([401, []]);
  });

  test('of a call with bad credentials gateway-access is told the address, not that of the proxy in front', async () => {
    const headers = { authorization: 'Bearer bad', 'x-envoy-external-address': '192.0.2.1' };
    await from('203.0.113.7, 198.51.100.99', '/api/v1/urls', { headers });
    const [check] = door.callsOf(checkRpc).map(({ request }) => request as unknown as CheckRequest);
    expect(check?.attributes.request.http.headers['x-envoy-external-address']).toBe('198.51.100.99');
  });

  test('by IPv6: of the /64', async () => {
    await from('2001:db8:1:2:3:4:5:6', '/api/auth/login', post);
    expect(asked()).toEqual([['limit=logins', 'masked_remote_address=2001:db8:1:2::/64']]);
  });

  test.each([
    ['::ffff:192.0.2.7', '192.0.2.7/32'],
    ['2001:db8::1, ::FFFF:192.0.2.8', '192.0.2.8/32'],
    ['::ffff:192.0.2.9,2001:db8::1', '2001:db8::/64'],
    ['::ffff:192.0.2.9, nonsense, 192.0.2.10', '192.0.2.10/32'],
    ['192.0.2.11:1234', '192.0.2.11/32'],
    ['[2001:db8:1:1::7]:1234', '2001:db8:1:1::/64'],
    ['192.0.2.12:1234, [2001:db8:1:2::7]', '2001:db8:1:2::/64'],
    ['[2001:db8::1]:1234,[::ffff:192.0.2.13]:80', '192.0.2.13/32'],
    ['192.0.2.14:1234, 192.0.2.15', '192.0.2.15/32'],
  ])(
    'by IPv4 in the form of IPv6 or with a port, as proxies write it: of the address (%s)',
    async (addresses, counted) => {
      await from(addresses, '/api/auth/login', post);
      expect(asked()).toEqual([['limit=logins', `masked_remote_address=${counted}`]]);
    },
  );

  test.each(['192.0.2.16:1234', '::ffff:192.0.2.16'])(
    'in these forms, after bytes that are no text: of the address (%s)',
    async (address) => {
      const head = `GET /abc HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-forwarded-for: \xff, ${address}\r\n\r\n`;
      await sendRaw(door.envoy.publicPort, Buffer.from(head, 'latin1'));
      const [seen] = door.callsOf(redirect);
      expect(seen?.headers['x-envoy-external-address']).toBe('192.0.2.16');
    },
  );

  test.each([
    '::ffff:192.0.2.1, ::ffff:192.0.2.2, ::ffff:192.0.2.3',
    '192.0.2.1:10, 192.0.2.2:20, 192.0.2.3:30',
    '[2001:db8::1]:10, 192.0.2.2:20, 2001:db8::3',
  ])('in these forms, behind two proxies: of the address (%s)', async (addresses) => {
    const behindTwo = await startDoor({ rateLimits: figures, trustedProxies: 2 });
    try {
      await ask(behindTwo.envoy.publicPort, '/abc', { headers: { 'x-forwarded-for': addresses } });
      const [seen] = behindTwo.callsOf(redirect);
      expect(seen?.headers['x-envoy-external-address']).toBe('192.0.2.2');
    } finally {
      await behindTwo.stop();
    }
  });

  test('in these forms, behind as many proxies as can be trusted: of the address', async () => {
    const behindEight = await startDoor({ rateLimits: figures, trustedProxies: 8 });
    try {
      const proxies = Array.from({ length: 7 }, (_, index) => `192.0.2.${index}:1234`);
      const headers = { 'x-forwarded-for': ['203.0.113.1:1', '198.51.100.1:2', ...proxies].join(', ') };
      await ask(behindEight.envoy.publicPort, '/abc', { headers });
      const [seen] = behindEight.callsOf(redirect);
      expect(seen?.headers['x-envoy-external-address']).toBe('198.51.100.1');
    } finally {
      await behindEight.stop();
    }
  });

  test.each(['/abc', '/', '/readyz', '/healthz', '/api/nothing'])('of %s: not at all', async (path) => {
    const answer = await from(newAddress(), path);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('x-ratelimit'))).toEqual([]);
    expect(asked()).toEqual([]);
  });
});

const told = [
  { key: 'x-ratelimit-limit', value: '9' },
  { key: 'x-ratelimit-remaining', value: '0' },
  { key: 'x-ratelimit-reset', value: '1900000000' },
];

describe('what the shared count says', () => {
  test('is on an allowed answer', async () => {
    door.services.on(limitRpc, () => ({ response: { overallCode: 'OK', responseHeadersToAdd: told } }));
    const answer = await from(newAddress(), '/api/auth/login', post);
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject(Object.fromEntries(told.map(({ key, value }) => [key, value])));
  });

  test('is on a refused one, with the body of the API and no name of Envoy', async () => {
    refuse();
    const answer = await from(newAddress(), '/api/auth/login', post);
    expect(answer.status).toBe(429);
    expect(answer.headers).toMatchObject({
      'retry-after': '7',
      'x-ratelimit-limit': '9',
      'x-ratelimit-remaining': '0',
    });
    expect(errorInfo(answer)).toMatchObject({ code: 8, reason: 'RATE_LIMITED', domain: 'hopline' });
    expect(retryDelay(answer)).toBe('7s');
    expect(Object.keys(answer.headers).filter((name) => /^(x-envoy|grpc)-/.test(name))).toEqual([]);
    expect(door.callsOf(login)).toEqual([]);
  });

  test.each([
    ['gRPC', createGrpcTransport],
    ['gRPC-Web', createGrpcWebTransport],
  ] as const)('is RESOURCE_EXHAUSTED over %s', async (_, transport) => {
    refuse();
    const baseUrl = `http://127.0.0.1:${door.envoy.publicPort}`;
    const client = createClient(IdentityService, transport({ baseUrl, httpVersion: '2' }));
    const error = await client.logIn({}, { headers: { 'x-forwarded-for': newAddress() } }).catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.ResourceExhausted });
    expect((error as ConnectError).findDetails(ErrorInfoSchema)[0]?.reason).toBe('RATE_LIMITED');
    expect((error as ConnectError).metadata.get('retry-after')).toBe('7');
    expect((error as ConnectError).metadata.get('x-ratelimit-limit')).toBe('9');
  });

  test('is RESOURCE_EXHAUSTED over gRPC-Web by its content type alone', async () => {
    refuse();
    const headers = { 'content-type': 'application/grpc-web+proto' };
    const question = { method: 'POST', headers, body: Buffer.alloc(5) };
    const answer = await from(newAddress(), `/${login}`, question);
    expect(grpcError(answer.headers)).toEqual({ status: '8', code: 8, reason: 'RATE_LIMITED' });
    expect([answer.status, answer.headers['retry-after']]).toEqual([200, '7']);
  });

  test('cannot be had: the call goes on', async () => {
    door.services.on(limitRpc, () => ({ error: { code: 14, message: 'Valkey is away' } }));
    expect((await from(newAddress(), '/api/auth/login', post)).status).toBe(200);
    expect((await from(newAddress(), '/api/v1/urls', signed)).status).toBe(200);
  });

  test('comes too late: the call goes on', async () => {
    door.services.on(limitRpc, () => ({ response: { overallCode: 'OVER_LIMIT' }, delayMs: 1_000 }));
    const started = performance.now();
    expect((await from(newAddress(), '/api/auth/login', post)).status).toBe(200);
    expect(performance.now() - started).toBeLessThan(900);
  });

  function refuse(): void {
    const headers = [...told, { key: 'retry-after', value: '7' }];
    door.services.on(limitRpc, () => ({ response: { overallCode: 'OVER_LIMIT', responseHeadersToAdd: headers } }));
  }
});

describe("Envoy's own count, while the shared one is away", () => {
  beforeEach(() => door.services.on(limitRpc, () => ({ error: { code: 14, message: 'Valkey is away' } })));

  test('lets through exactly what the limit says, of many that come at once', async () => {
    const address = newAddress();
    const answers = await Promise.all(Array.from({ length: 40 }, () => from(address, '/api/auth/login', post)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(5);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(35);
    for (const answer of refused) {
      expect(errorInfo(answer)).toMatchObject({ code: 8, reason: 'RATE_LIMITED' });
      expect(answer.headers).toMatchObject({
        'x-ratelimit-limit': '5',
        'x-ratelimit-remaining': '0',
        'retry-after': '720',
      });
      expect(retryDelay(answer)).toBe('720s');
      const untilReset = Number(answer.headers['x-ratelimit-reset']) - Date.now() / 1_000;
      expect(untilReset).toBeGreaterThan(3_590);
      expect(untilReset).toBeLessThanOrEqual(3_600);
    }
    expect(door.callsOf(login)).toHaveLength(5);
    expect((await from(newAddress(), '/api/auth/login', post)).status).toBe(200);
    expect((await from(address, '/api/auth/signup', post)).status).toBe(200);
    expect((await from(address, '/abc')).status).not.toBe(429);
  });

  test('counts an IPv6 /64 as one, and the next apart', async () => {
    const statuses: number[] = [];
    for (let i = 1; i <= 6; i++) statuses.push((await from(`2001:db8:7:7::${i}`, '/api/auth/login', post)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429]);
    expect((await from('2001:db8:7:8::1', '/api/auth/login', post)).status).toBe(200);
  });

  test('counts a caller wherever the calls come from, REST and gRPC together', async () => {
    const baseUrl = `http://127.0.0.1:${door.envoy.publicPort}`;
    const client = createClient(LinkService, createGrpcTransport({ baseUrl }));
    const codes: (number | string)[] = [];
    for (let i = 0; i < 21 && codes.at(-1) !== 429; i++)
      codes.push((await from(newAddress(), '/api/v1/urls', signed)).status);
    // Earlier tests made some of this caller's 20 calls.
    expect(codes.at(-1)).toBe(429);
    const error = await client.listLinks({}, { headers: { authorization: goodToken } }).catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.ResourceExhausted });
  });
});
