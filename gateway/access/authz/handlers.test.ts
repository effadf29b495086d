import { generateKeyPairSync } from 'node:crypto';
import { fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import type { HeaderValueOption } from '#gen-envoy/config/core/v3/base_pb.ts';
import { Authorization, type CheckRequestSchema } from '#gen-envoy/service/auth/v3/external_auth_pb.ts';
import { ErrorInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { StatusSchema } from '#gen-google/rpc/status_pb.ts';
import { type PersonCaller, verifyCaller } from '#runtime/caller/token.ts';
import { timedOut, unauthenticated, unavailable } from '#runtime/errors/errors.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { startMetrics } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import type { Bucket, Buckets } from '../ratelimit/buckets.ts';
import type { Authenticate } from './authenticate.ts';
import { createAuthorization } from './handlers.ts';

const method = 'hop.link.v1.LinkService/CreateLink';
const person: PersonCaller = {
  kind: 'user',
  userId: 'u',
  workspaceId: 'w',
  role: 'owner',
  scopes: ['links:write'],
  credentialId: 's',
};
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const issuer = { issuer: 'gateway-access', keyId: 'gateway-access-1', privateKey };
const keyring = new Map([[issuer.keyId, { keyId: issuer.keyId, issuer: issuer.issuer, publicKey }]]);

interface Asked {
  readonly headers?: Record<string, string>;
  readonly extensions?: Record<string, string>;
  readonly authenticate?: Authenticate;
  /** Calls without good credentials that the address may still make. */
  readonly left?: number;
}

/** Counts down, and remembers for whom; the real buckets have tests of their own. */
function countdown(left: number) {
  const counted: Bucket[] = [];
  const take: Buckets['take'] = async (asked) => {
    counted.push(...asked);
    left -= 1;
    const figures = { calls: 1_000, remaining: Math.max(0, left), resetsAt: 1_800_000_000 };
    return asked.map(({ limit }) => ({ limit, allowed: left >= 0, ...figures, retryAfterSeconds: left >= 0 ? 0 : 7 }));
  };
  return { counted, take };
}

async function check({
  headers = {},
  extensions = { rpc: method },
  authenticate = async () => person,
  left = 1_000,
}: Asked = {}) {
  const buckets = countdown(left);
  const handlers = createAuthorization({ authenticate, buckets, issuer, log: silentLog });
  const transport = createRouterTransport(({ service }) => void service(Authorization, handlers));
  const request: MessageInitShape<typeof CheckRequestSchema> = {
    attributes: {
      source: { address: { address: { case: 'socketAddress', value: { address: '2001:db8::7' } } } },
      contextExtensions: extensions,
      request: { http: { headers: { 'x-request-id': 'r-1', authorization: 'Bearer a.b.c', ...headers } } },
    },
  };
  const answer = await createClient(Authorization, transport).check(request);
  const headersOf = (list: HeaderValueOption[]) =>
    Object.fromEntries(list.map(({ header }) => [header?.key, header?.value]));
  const { httpResponse } = answer;
  if (httpResponse.case === 'okResponse') {
    const { value } = httpResponse;
    const { headers, headersToRemove: removed, responseHeadersToAdd } = value;
    const told = {
      metadata: answer.dynamicMetadata,
      counted: buckets.counted,
      answered: headersOf(responseHeadersToAdd),
    };
    return { ok: true, headers: headersOf(headers), removed, status: 200, body: '', ...told };
  }
  if (httpResponse.case !== 'deniedResponse') throw new Error('neither allowed nor denied');
  const { value } = httpResponse;
  expect(answer.status?.code).not.toBe(0);
  return {
    ok: false,
    headers: headersOf(value.headers),
    removed: [],
    status: value.status?.code as number,
    body: value.body,
    metadata: answer.dynamicMetadata,
    counted: buckets.counted,
    answered: {},
  };
}

const refuse =
  (error: Error): Authenticate =>
  async () => {
    throw error;
  };

describe('an allowed request', () => {
  it('carries a caller token for this call and this request, and no credential', async () => {
    const { ok, headers, removed } = await check();
    expect(ok).toBe(true);
    const token = headers['x-hop-caller'] ?? '';
    expect(verifyCaller(keyring, token, { method, requestId: 'r-1' })).toEqual(person);
    expect(() => verifyCaller(keyring, token, { method, requestId: 'r-2' })).toThrow();
    expect(() => verifyCaller(keyring, token, { method: `${method}s`, requestId: 'r-1' })).toThrow();
    expect(removed).toEqual(expect.arrayContaining(['authorization', 'cookie']));
    expect(removed).not.toContain('x-hop-caller');
  });

  it('is counted for its person or its API key, and its answer says what is left', async () => {
    const mine = await check({ left: 10 });
    expect(mine.counted).toEqual([{ limit: 'caller', subject: 'user:u' }]);
    expect(mine.answered).toMatchObject({ 'x-ratelimit-limit': '1000', 'x-ratelimit-remaining': '9' });
    const key = await check({ authenticate: async () => ({ ...person, kind: 'api_key' }) });
    expect(key.counted).toEqual([{ limit: 'caller', subject: 'key:s' }]);
  });

  it('says nothing of that where Envoy tells of the limit that the call has for itself', async () => {
    const extensions = { rpc: method, anonymous: 'false', own_limit: 'true' };
    for (const left of [10, 0]) {
      const { counted, answered, headers } = await check({ left, extensions });
      expect(counted).toEqual([{ limit: 'caller', subject: 'user:u' }]);
      expect(Object.keys({ ...answered, ...headers }).filter((name) => name.startsWith('x-ratelimit'))).toEqual([]);
      expect(headers['retry-after']).toBe(left === 0 ? '7' : undefined);
    }
  });

  it('to the call that trades a session keeps the cookie, and no other credential', async () => {
    const extensions = { rpc: method, anonymous: 'true', session_cookie: 'true' };
    const { ok, removed } = await check({ extensions });
    expect(ok).toBe(true);
    expect(removed).toEqual(expect.arrayContaining(['authorization', 'x-hop-caller']));
    expect(removed).not.toContain('cookie');
  });

  it('to an anonymous call carries nobody, whatever it brought', async () => {
    const authenticate = refuse(new Error('nobody is asked'));
    const { ok, headers, removed } = await check({ extensions: { rpc: method, anonymous: 'true' }, authenticate });
    expect(ok).toBe(true);
    expect(headers).toEqual({});
    expect(removed).toEqual(expect.arrayContaining(['authorization', 'x-hop-caller']));
  });
});

describe('a refused request', () => {
  it('of somebody who called too often is 429, with the headers of the count', async () => {
    const { ok, status, headers, body } = await check({ left: 0 });
    expect([ok, status]).toEqual([false, 429]);
    expect(headers).toMatchObject({ 'retry-after': '7', 'x-ratelimit-limit': '1000', 'x-ratelimit-remaining': '0' });
    expect(JSON.parse(body)).toMatchObject({ code: 8 });
    expect(JSON.parse(body).details[0].reason).toBe('RATE_LIMITED');
  });

  it('over REST gets the status and the error body', async () => {
    const { status, headers, body } = await check({ headers: { authorization: '' } });
    expect(status).toBe(401);
    expect(headers).toEqual({
      'cache-control': 'no-store',
      'content-type': 'application/json',
      'www-authenticate': 'Bearer realm="hopline"',
    });
    expect(JSON.parse(body)).toEqual({
      code: 16,
      message: expect.stringContaining('Authorization'),
      details: [
        {
          '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
          reason: 'CREDENTIALS_MISSING',
          domain: 'hopline',
          metadata: {},
        },
      ],
    });
  });

  it.each(['application/grpc', 'application/grpc+proto', 'application/grpc-web-text'])(
    'over %s gets a gRPC status',
    async (type) => {
      const authenticate = refuse(unauthenticated('CREDENTIALS_EXPIRED', 'The token has expired.'));
      const { status: httpStatus, headers, body } = await check({ headers: { 'content-type': type }, authenticate });
      expect(headers['grpc-status']).toBe('16');
      expect(headers['www-authenticate']).toBe('Bearer realm="hopline", error="invalid_token"');
      expect(decodeURIComponent(headers['grpc-message'] ?? '')).toBe('The token has expired.');
      expect({ httpStatus, body }).toEqual({ httpStatus: 200, body: '' });
      const status = fromBinary(StatusSchema, Buffer.from(headers['grpc-status-details-bin'] ?? '', 'base64'));
      expect(status.details.map((detail) => anyUnpack(detail, ErrorInfoSchema)?.reason)).toEqual([
        'CREDENTIALS_EXPIRED',
      ]);
    },
  );

  it('for want of identity gets 503 and a time to retry', async () => {
    const authenticate = refuse(unavailable('DEPENDENCY_UNAVAILABLE', 'Not just now.', 1_200));
    const { status, headers, body } = await check({ authenticate });
    expect(status).toBe(503);
    expect(headers['retry-after']).toBe('2');
    expect(JSON.parse(body).details).toContainEqual({
      '@type': 'type.googleapis.com/google.rpc.RetryInfo',
      retry_delay: '1.200s',
    });
  });

  it('gets 503 and a time to retry, too, when identity is late', async () => {
    const { status, headers, body } = await check({ authenticate: refuse(timedOut()) });
    expect([status, headers['retry-after'], JSON.parse(body).code]).toEqual([503, '1', 14]);
    expect(JSON.parse(body).details[0].reason).toBe('DEADLINE_EXCEEDED');
  });

  it('by a fault of ours gets 500 and no word about it', async () => {
    for (const asked of [
      { authenticate: refuse(new Error('password=hunter2')) },
      { extensions: {} },
      { headers: { 'x-request-id': '' } },
    ]) {
      const { ok, status, body } = await check(asked);
      expect({ ok, status }).toEqual({ ok: false, status: 500 });
      expect(body).not.toMatch(/hunter2|route|x-request-id/);
    }
  });
});

describe('what a call counts for', () => {
  it('is the person, in whatever session, or the API key', async () => {
    expect((await check()).metadata).toEqual({ caller: 'user:u' });
    const authenticate: Authenticate = async () => ({ ...person, kind: 'api_key', credentialId: 'k' });
    expect((await check({ authenticate })).metadata).toEqual({ caller: 'key:k' });
  });

  const bad = refuse(unauthenticated('CREDENTIALS_INVALID', 'No.'));

  it('is the address when its credentials do not hold', async () => {
    const { status, counted } = await check({ authenticate: bad });
    expect([status, counted]).toEqual([401, [{ limit: 'anonymous', subject: '2001:db8::/64' }]]);
  });

  it('is the address that Envoy knows where proxies stand in front, not that of the proxy', async () => {
    const { counted } = await check({ authenticate: bad, headers: { 'x-envoy-external-address': '192.0.2.9' } });
    expect(counted).toEqual([{ limit: 'anonymous', subject: '192.0.2.9/32' }]);
  });

  it('is told in place of the fault once the address has used up its calls', async () => {
    const { status, headers, body } = await check({ authenticate: bad, left: 0 });
    expect([status, JSON.parse(body).details[0].reason]).toEqual([429, 'RATE_LIMITED']);
    expect(headers).toMatchObject({
      'retry-after': '7',
      'x-ratelimit-limit': '1000',
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': '1800000000',
    });
  });

  it('is the address before identity is asked about a key that nobody knows, and that once', async () => {
    let asked = 0;
    const unknownKey: Authenticate = async (_, admit) => {
      await admit();
      asked += 1;
      throw unauthenticated('CREDENTIALS_INVALID', 'No.');
    };
    const { status, counted } = await check({ authenticate: unknownKey });
    expect([status, counted, asked]).toEqual([401, [{ limit: 'anonymous', subject: '2001:db8::/64' }], 1]);
    const over = await check({ authenticate: unknownKey, left: 0 });
    expect([over.status, over.headers['retry-after'], over.counted.length, asked]).toEqual([429, '7', 1, 1]);
  });

  it('is what the metrics say of it, a refusal by the count included', async () => {
    const metrics = await startMetrics({ instance: 'access', metricsAddress: { host: '127.0.0.1', port: 0 } });
    try {
      await check({ authenticate: bad });
      await check({ authenticate: bad, left: 0 });
      const outcomes = (await metrics.read()).all(metric.authorizations).map(({ attributes }) => attributes.outcome);
      expect(outcomes).toEqual(['unauthenticated', 'limited']);
    } finally {
      await metrics.stop();
    }
  });

  it('is left to Envoy where there are no credentials, and to nobody where the fault is ours', async () => {
    const missing = refuse(unauthenticated('CREDENTIALS_MISSING', 'None.'));
    const handlers = await check({ authenticate: missing, headers: { authorization: '' } });
    expect(handlers.counted).toHaveLength(1);
    expect((await check({ authenticate: refuse(unavailable('OVERLOADED', 'No.', 1)) })).counted).toEqual([]);
  });
});
