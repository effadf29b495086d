import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BadRequestSchema, ErrorInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { StatusSchema } from '#gen-google/rpc/status_pb.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { limits } from '../limits.ts';
import { authorize, type CheckRequest, checkRpc, type Door, goodToken, limitRpc, startDoor } from '../testing/door.ts';
import { ask, errorInfo, type HttpAnswer, type HttpQuestion, sendRaw } from '../testing/http.ts';

const signUp = 'hop.identity.v1.IdentityService/SignUp';
const createLink = 'hop.link.v1.LinkService/CreateLink';
const getLink = 'hop.link.v1.LinkService/GetLink';
const listLinks = 'hop.link.v1.LinkService/ListLinks';

let door: Door;
beforeAll(async () => {
  door = await startDoor();
});
afterAll(() => door.stop());
beforeEach(() => door.clear());

const call = (path: string, question: HttpQuestion = {}) => ask(door.envoy.publicPort, path, question);
const signed = (path: string, question: HttpQuestion = {}) =>
  call(path, { ...question, headers: { authorization: goodToken, ...question.headers } });
const post = (path: string, body: unknown) => signed(path, { method: 'POST', body: JSON.stringify(body) });
const checks = () => door.callsOf(checkRpc).map(({ request }) => (request as unknown as CheckRequest).attributes);

describe('a REST call', () => {
  test('is answered with the status that the service asked for, as JSON in snake_case', async () => {
    door.services.on(signUp, () => ({ metadata: { 'x-status': '201' }, response: { refreshToken: 'r' } }));
    const answer = await call('/api/auth/signup', { method: 'POST', body: '{"email":"a@example.com"}' });
    expect(answer.status).toBe(201);
    expect(JSON.parse(answer.body)).toMatchObject({ token: '', refresh_token: 'r' });
    expect(Object.keys(answer.headers).filter((name) => /^(grpc-|x-envoy-|x-status|x-hop-)/.test(name))).toEqual([]);
  });

  test('is for no cache, be it an answer or a refusal, unless the service says otherwise', async () => {
    const answers = [
      await signed('/api/v1/urls'),
      await call('/api/auth/signup', { method: 'POST', body: '{}' }),
      await post('/api/v1/urls', { nonsense: 1 }),
      await signed('/api/v1/urls', { method: 'PUT' }),
      await signed('/api/nope'),
      await call('/%ff'),
    ];
    expect(answers.map(({ headers }) => headers['cache-control'])).toEqual(answers.map(() => 'no-store'));
    const keys = 'hop.identity.v1.IdentityService/GetSigningKeys';
    door.services.on(keys, () => ({ metadata: { 'cache-control': 'public, max-age=60' } }));
    expect((await call('/.well-known/jwks.json')).headers['cache-control']).toBe('public, max-age=60');
    door.services.on(keys, () => ({}));
  });

  test('is refused with the status that the service asked for, if it asks for one', async () => {
    const metadata = { 'x-status': '413' };
    door.services.on(signUp, () => ({ error: { code: 8, message: 'The request is too large.', metadata } }));
    const answer = await call('/api/auth/signup', { method: 'POST', body: '{}' });
    expect([answer.status, answer.headers['x-status']]).toEqual([413, undefined]);
  });

  test.each(['abc', '99', '600', '20', '2000'])('x-status %s is no status and is not acted upon', async (status) => {
    door.services.on(signUp, () => ({ metadata: { 'x-status': status } }));
    const answer = await call('/api/auth/signup', { method: 'POST', body: '{}' });
    expect([answer.status, answer.headers['x-status']]).toEqual([200, undefined]);
  });

  test('asks who calls, and for which RPC, and hands on the caller instead of the credentials', async () => {
    expect((await signed('/api/v1/urls/abc', { headers: { cookie: 'a=b' } })).status).toBe(200);
    expect(checks()).toMatchObject([{ contextExtensions: { rpc: getLink, anonymous: 'false' } }]);
    expect(checks()[0]?.request.http.headers).not.toHaveProperty('cookie');
    const [seen] = door.callsOf(getLink);
    expect(seen?.headers['x-hop-caller']).toBe(getLink);
    expect(seen?.headers).not.toHaveProperty('authorization');
    expect(seen?.headers).not.toHaveProperty('cookie');
  });

  test('without credentials is 401 in the words of the gateway, and reaches no service', async () => {
    const answer = await call('/api/v1/urls/abc');
    expect([answer.status, answer.headers['content-type']]).toEqual([401, 'application/json']);
    expect(JSON.parse(answer.body)).toMatchObject({ message: 'said by gateway-access' });
    expect(door.callsOf(getLink)).toEqual([]);
  });

  test('needs no credentials where the contract says so', async () => {
    expect((await call('/.well-known/jwks.json')).status).toBe(200);
    expect(checks()).toMatchObject([{ contextExtensions: { anonymous: 'true' } }]);
  });

  test.each(['?', '?x=1', '?v=2&v=3&a+b', '?x=%ff&%22%5C'])(
    'outside /api is answered whatever its query says: %s',
    async (query) => {
      for (const method of ['GET', 'HEAD'])
        expect((await call(`/.well-known/jwks.json${query}`, { method })).status).toBe(200);
      expect(door.callsOf('hop.identity.v1.IdentityService/GetSigningKeys')).toHaveLength(2);
    },
  );

  test('cannot bring what the mesh says to itself', async () => {
    const forged = {
      'x-hop-caller': 'forged',
      'x-hop-method': 'forged',
      'x-hop-refused': 'request',
      'X-Hop-Anything': 'forged',
      'x-status': '201',
      'x-request-id': '11111111-1111-4111-8111-111111111111',
      'x-envoy-original-path': '/forged',
      'x-envoy-original-method': 'DELETE',
      'x-envoy-upstream-rq-timeout-ms': '1',
      'x-envoy-internal': 'true',
      'x-original-url': '/forged',
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-host': 'forged',
      'x-real-ip': '203.0.113.9',
      traceparent: '00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-aaaaaaaaaaaaaaaa-01',
    };
    const answer = await signed('/api/v1/urls/abc', { headers: forged });
    expect(answer.status).toBe(200);
    const headers = door.callsOf(getLink)[0]?.headers ?? {};
    for (const [name, value] of Object.entries(forged))
      expect([name, headers[name.toLowerCase()]]).not.toEqual([name, value]);
    expect(headers['x-envoy-original-path']).toBe('/api/v1/urls/abc');
    expect(headers['x-envoy-internal']).toBeUndefined();
    expect(headers['x-request-id']).toBe(answer.headers['x-request-id']);
    expect(checks()[0]?.request.http.headers['x-envoy-external-address']).toBe('127.0.0.1');
  });

  test('an idempotency key that a service would not see is refused, not forgotten', async () => {
    for (const key of ['a\tb', 'caf\u00e9']) {
      const answer = await signed('/api/v1/urls', { method: 'POST', body: '{}', headers: { 'idempotency-key': key } });
      expect(answer.status).toBe(400);
      expect(errorInfo(answer).reason).toBe('IDEMPOTENCY_KEY_INVALID');
    }
    expect(door.callsOf(createLink)).toEqual([]);
    await signed('/api/v1/urls', { method: 'POST', body: '{}', headers: { 'idempotency-key': 'a b~' } });
    expect(door.callsOf(createLink)[0]?.headers['idempotency-key']).toBe('a b~');
  });

  test('carries a deadline', async () => {
    await signed('/api/v1/urls/abc');
    const ms = (door.callsOf(getLink)[0]?.deadline ?? Number.POSITIVE_INFINITY) - Date.now();
    expect(ms).toBeLessThanOrEqual(limits.callMs);
    expect(ms).toBeGreaterThan(limits.callMs - 2_000);
  });

  test('both paths of a call are one call', async () => {
    await post('/api/v1/urls', { long_url: 'https://example.com/' });
    await post('/api/urls', { original_url: 'https://example.com/' });
    expect(door.callsOf(createLink).map(({ request }) => request)).toEqual([
      { longUrl: 'https://example.com/' },
      { originalUrl: 'https://example.com/' },
    ]);
  });

  test('a long list comes whole', async () => {
    const urls = Array.from({ length: 500 }, (_, i) => ({
      id: String(i),
      longUrl: `https://example.com/${'x'.repeat(4000)}`,
    }));
    door.services.on(listLinks, () => ({ response: { urls } }));
    const answer = await signed('/api/v1/urls');
    expect(JSON.parse(answer.body).urls).toHaveLength(500);
    const packed = await signed('/api/v1/urls', { headers: { 'accept-encoding': 'gzip' } });
    expect(packed.headers['content-encoding']).toBe('gzip');
    door.services.on(listLinks, () => ({}));
  });
});

describe('the error of a service', () => {
  const status = create(StatusSchema, {
    code: 6,
    message: 'The alias is taken.',
    details: [
      anyPack(
        ErrorInfoSchema,
        create(ErrorInfoSchema, { reason: 'ALIAS_TAKEN', domain: 'hopline', metadata: { alias: 'x' } }),
      ),
      anyPack(
        BadRequestSchema,
        create(BadRequestSchema, { fieldViolations: [{ field: 'alias', description: 'Taken.' }] }),
      ),
    ],
  });

  test('has its details and its Retry-After', async () => {
    door.services.on(createLink, () => ({
      error: {
        code: 6,
        message: 'The alias is taken.',
        metadata: { 'grpc-status-details-bin': toBinary(StatusSchema, status), 'retry-after': '7' },
      },
    }));
    const answer = await post('/api/v1/urls', { alias: 'x' });
    expect([answer.status, answer.headers['retry-after']]).toEqual([409, '7']);
    expect(JSON.parse(answer.body)).toEqual({
      code: 6,
      message: 'The alias is taken.',
      details: [
        {
          '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
          reason: 'ALIAS_TAKEN',
          domain: 'hopline',
          metadata: { alias: 'x' },
        },
        expect.objectContaining({
          field_violations: [expect.objectContaining({ field: 'alias', description: 'Taken.' })],
        }),
      ],
    });
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('grpc-'))).toEqual([]);
    door.services.on(createLink, () => ({}));
  });
});

test('the log of requests holds no query and no credentials', async () => {
  await signed('/api/v1/urls?search=private');
  const path = join(door.envoy.dir, 'log', 'requests.jsonl');
  await waitFor(() => readFileSync(path, 'utf8').includes('"path":"/api/v1/urls"'), { what: 'the line' });
  expect(readFileSync(path, 'utf8')).not.toMatch(/private|Bearer|127\.0\.0\.1"/);
});

test('nor a secret that stands in a path in place of an id', async () => {
  const path = join(door.envoy.dir, 'log', 'requests.jsonl');
  const secrets = [`hop_${'a1'.repeat(19)}`, `hopr_${'b-'.repeat(21)}b`, `hopi_${'c_'.repeat(21)}c`];
  for (const collection of ['api-keys', 'sessions', 'invitations', 'nothing'])
    for (const secret of secrets) await signed(`/api/v1/${collection}/${secret}?x=1`, { method: 'DELETE' });
  // The page of an invitation, from a program that encodes the sign before the fragment.
  for (const sign of ['%23', '/']) await signed(`/app/join${sign}${secrets[2]}`);
  await signed('/api/v1/urls/hop_abc');
  await waitFor(() => readFileSync(path, 'utf8').includes('"path":"/api/v1/urls/hop_abc"'), { what: 'the last line' });
  const lines = readFileSync(path, 'utf8');
  for (const secret of secrets) expect(lines).not.toContain(secret);
  expect(lines.match(/"path":"\[secret\]"/g)).toHaveLength(14);
});

describe('limits', () => {
  test('a body of 1 MiB passes, one byte more is 413', async () => {
    const body = (length: number): string => `{"email":"${'a'.repeat(length - 12)}"}`;
    const send = (length: number) => call('/api/auth/signup', { method: 'POST', body: body(length) });
    expect((await send(limits.bodyBytes)).status).toBe(200);
    const answer = await send(limits.bodyBytes + 1);
    expect([answer.status, errorInfo(answer).reason]).toEqual([413, 'REQUEST_TOO_LARGE']);
  });

  test('a transfer encoding that nobody knows is 400, not a fault of ours', async () => {
    const head = 'POST /api/auth/login HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: gzip, chunked\r\n\r\n';
    const received = await sendRaw(door.envoy.publicPort, `${head}0\r\n\r\n`);
    expect(received).toMatch(/^HTTP\/1\.1 400 /);
    expect(received).toContain('MALFORMED_REQUEST');
  });

  test('headers of 61 KiB are 431', async () => {
    const answer = await signed('/api/v1/urls', { headers: { 'x-large': 'a'.repeat(61 * 1024) } });
    expect([answer.status, errorInfo(answer).reason]).toEqual([431, 'REQUEST_TOO_LARGE']);
    expect((await signed('/api/v1/urls', { headers: { 'x-large': 'a'.repeat(50 * 1024) } })).status).toBe(200);
  });

  test('headers that only what the mesh adds makes too many or too large are 431 as well', async () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, 'a']));
    const seen = new Set<number>();
    const crowds = [85, 88, 90, 92, 94, 95, 96, 97, 98, 99, 100, 105].map(many);
    const bulks = [58, 59, 59.2, 59.4, 59.6, 59.8, 60].map((kib) => ({ 'x-large': 'a'.repeat(kib * 1024) }));
    for (const headers of [...crowds, ...bulks]) {
      const answer = await signed('/api/v1/urls', { headers: headers as Record<string, string> });
      seen.add(answer.status);
      if (answer.status !== 200) expect([answer.status, errorInfo(answer).reason]).toEqual([431, 'REQUEST_TOO_LARGE']);
    }
    expect([...seen].sort()).toEqual([200, 431]);
  });

  test('a fault of gateway-access is not taken for such headers', async () => {
    const body = '{"code":13,"message":"said by gateway-access","details":[]}';
    const response = {
      status: { code: 13 },
      deniedResponse: { status: { code: 'InternalServerError' }, body },
      dynamicMetadata: { answered: true },
    };
    door.services.on(checkRpc, () => ({ response }));
    const answer = await signed('/api/v1/urls');
    expect([answer.status, answer.body]).toEqual([500, body]);
    door.services.on(checkRpc, authorize);
  });
});

describe('paths', () => {
  test.each(['/api/', '/api/nope', '/api/v1/urls/', '/api/v1%2Furls', '/x/../api/y'])(
    '%s is 404 JSON',
    async (path) => {
      const answer = await signed(path);
      expect([answer.status, errorInfo(answer).reason]).toEqual([404, 'NOT_FOUND']);
    },
  );

  test.each([
    ['/api/v1/urls', 'PUT', 'GET, HEAD, POST'],
    ['/api/v1/urls/abc', 'POST', 'DELETE, GET, HEAD, PATCH'],
    ['/api/v1/urls/abc:undelete', 'GET', 'POST'],
    ['/api/auth/login', 'GET', 'POST'],
    ['/api/v1/users/me', 'OPTIONS', 'GET, HEAD, PATCH'],
    ['/api/auth/login', 'HEAD', 'POST'],
  ])('%s with %s is 405', async (path, method, allow) => {
    const answer = await signed(path, { method });
    expect([answer.status, answer.headers.allow]).toEqual([405, allow]);
    if (method !== 'HEAD') expect(errorInfo(answer).reason).toBe('METHOD_NOT_ALLOWED');
    expect(door.services.calls).toEqual([]);
  });

  test.each([
    'OPTIONS * HTTP/1.1',
    'CONNECT a:80 HTTP/1.1',
    'GET http://a/api/nope HTTP/1.1',
    'GET /api/nope HTTP/1.0',
    'NONSENSE',
    'GET /api/nope HTTP/9.9',
  ])('%s is refused without a 5xx', async (line) => {
    expect(await sendRaw(door.envoy.publicPort, `${line}\r\nhost: a\r\n\r\n`)).toMatch(/^HTTP\/1\.[01] 4\d\d/);
  });
});

describe('HEAD', () => {
  const paths = ['/api/v1/urls', '/api/v1/urls/abc', '/api/v1/urls/abc/stats', '/api/v1/users/me', '/api/v1/api-keys'];
  const said = ({ headers }: HttpAnswer): string[] =>
    Object.keys(headers).filter((name) => name !== 'content-length' && name !== 'transfer-encoding');

  test.each(paths)('%s answers as GET does, without a body, and is asked as GET', async (path) => {
    const get = await signed(path);
    for (const encoding of ['identity', 'gzip']) {
      const head = await signed(path, { method: 'HEAD', headers: { 'accept-encoding': encoding } });
      expect([head.status, head.headers['content-type'], head.body]).toEqual([200, 'application/json', '']);
      expect(said(head)).toEqual(said(get));
      expect(head.headers['content-length']).not.toBe('0');
    }
    const asked = door.services.calls.filter(({ rpc }) => rpc !== checkRpc && rpc !== limitRpc);
    expect(asked.map(({ rpc, request }) => ({ rpc, request }))).toEqual(
      Array(3).fill({ rpc: asked[0]?.rpc, request: asked[0]?.request }),
    );
  });

  test('is refused as GET is', async () => {
    const statuses = async (path: string, headers: Record<string, string>) =>
      Promise.all(['GET', 'HEAD'].map(async (method) => (await call(path, { method, headers })).status));
    expect(await statuses('/api/v1/urls', {})).toEqual([401, 401]);
    expect(await statuses('/api/v1/urls?nope=1', { authorization: goodToken })).toEqual([400, 400]);
    door.services.on(getLink, () => ({ error: { code: 5, message: 'There is no such link.' } }));
    expect(await statuses('/api/v1/urls/abc', { authorization: goodToken })).toEqual([404, 404]);
    door.services.on(getLink, () => ({ response: {} }));
  });

  test('leaves the socket usable', async () => {
    const line = (method: string) =>
      `${method} /api/v1/urls/abc HTTP/1.1\r\nhost: localhost\r\nauthorization: ${goodToken}\r\n\r\n`;
    const answers = await sendRaw(door.envoy.publicPort, line('HEAD') + line('HEAD') + line('GET'));
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 200']);
    expect(answers.match(/\r\n\r\n(?=HTTP)/g)).toHaveLength(2);
  });
});
