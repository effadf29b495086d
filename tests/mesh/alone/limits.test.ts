import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMesh, type TestMesh } from '../../../compose/local/mesh.ts';
import { eventually } from '../../support/eventually.ts';
import { figureOf } from '../../support/metrics.ts';
import { placeOf } from '../../support/test-meshes.ts';

/** Small figures, so that a test can come to their end. What the public contract says is held where the figures are (runtime/limits). */
const figures = { signups: 5, logins: 6, anonymous: 20, caller: 120, unknownCodes: 20 };
const env = {
  HOP_LIMIT_SIGNUPS_PER_HOUR: String(figures.signups),
  HOP_LIMIT_LOGINS_PER_MINUTE: String(figures.logins),
  HOP_LIMIT_ANONYMOUS_CALLS_PER_MINUTE: String(figures.anonymous),
  HOP_LIMIT_CALLER_CALLS_PER_MINUTE: String(figures.caller),
  HOP_LIMIT_UNKNOWN_CODES_PER_MINUTE: String(figures.unknownCodes),
  HOP_BREAKER_RESET_MS: '500',
  HOP_LINK_POOL_SIZE: '2',
  HOP_LINK_QUEUE_TARGET_MS: '5',
  HOP_LINK_QUEUE_INTERVAL_MS: '10',
  HOP_LINK_QUEUE_LONGEST_MS: '20',
};

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await startMesh({
    ...placeOf('limits'),
    parts: ['postgres', 'postgres-replica', 'valkey', 'identity', 'link', 'resolver-1', 'gateway-access', 'envoy'],
    env,
    fresh: true,
  });
});
afterAll(() => mesh?.stop());

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever the contract promises, and fails where it is not there.
  readonly json: any;
}

interface Call {
  readonly body?: unknown;
  readonly token?: string;
  readonly accept?: string;
}

let addresses = 1;
/** Every address of 127.0.0.0/8 is this machine. */
function newAddress(): string {
  addresses += 1;
  return `127.0.${addresses >> 8}.${addresses & 255}`;
}

function callFrom(localAddress: string, url: string, { body, token, accept = '*/*' }: Call = {}): Promise<Answer> {
  const headers = {
    host: 'localhost',
    accept,
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  const method = body === undefined ? 'GET' : 'POST';
  const target = { host: '127.0.0.1', port: mesh.ports.envoy, path: url, localAddress };
  return new Promise((resolve, reject) => {
    const sent = request({ ...target, method, headers, timeout: 15_000, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const json = response.headers['content-type']?.includes('json') ? JSON.parse(text) : undefined;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, json });
      });
    });
    sent.on('timeout', () => sent.destroy(new Error('No answer within 15 s.')));
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

let people = 0;
async function newPerson() {
  const email = `limits.${++people}@example.org`;
  const password = 'correct horse battery staple';
  const answer = await callFrom(newAddress(), '/api/auth/signup', { body: { email, password } });
  expect(answer.status).toBe(201);
  return { email, password, token: answer.json.token as string };
}

/** Sends `count` calls at once; answers them, and how many tokens can have come back meanwhile. */
async function atOnce(count: number, everyMs: number, send: (index: number) => Promise<Answer>) {
  const startedAt = performance.now();
  const answers = await Promise.all(Array.from({ length: count }, (_, index) => send(index)));
  const refilled = Math.floor((performance.now() - startedAt) / everyMs);
  return { answers, refused: answers.filter(({ status }) => status === 429), refilled };
}

/** As many as the limit allows, and besides them those that nobody counted (none, where Envoy itself counts). */
function expectExactly(
  limit: number,
  { answers, refused, refilled }: Awaited<ReturnType<typeof atOnce>>,
  letThrough = 0,
): void {
  const allowed = answers.length - refused.length;
  expect(allowed).toBeGreaterThanOrEqual(limit);
  expect(allowed).toBeLessThanOrEqual(limit + refilled + letThrough);
}

/**
 * How many calls without good credentials were let through so far because their count came too late, as on a machine that stands still:
 * Valkey's to gateway-access, or gateway-access's to Envoy.
 */
async function uncounted(): Promise<number> {
  const ofAccess = await figureOf(mesh.ports['gateway-access-metrics'], 'hop_access_rate_limits_total', {
    kind: 'anonymous',
    outcome: 'uncounted',
  });
  const filter = '^cluster.*(ratelimit.failure_mode_allowed|ext_authz.error)$';
  const ofEnvoy = await (await fetch(`http://127.0.0.1:${mesh.ports['envoy-admin']}/stats?filter=${filter}`)).text();
  return [...ofEnvoy.matchAll(/: (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), ofAccess);
}

/** The headers and the body of a refusal. */
function expectRefusal(answer: Answer | undefined, limit: number, periodSeconds: number): void {
  expect(answer?.status).toBe(429);
  const { headers, json } = answer as Answer;
  expect([headers['x-ratelimit-limit'], headers['x-ratelimit-remaining']]).toEqual([String(limit), '0']);
  expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1);
  expect(Number(headers['retry-after'])).toBeLessThanOrEqual(Math.ceil(periodSeconds / limit));
  const untilReset = Number(headers['x-ratelimit-reset']) - Date.now() / 1_000;
  expect(untilReset).toBeGreaterThan(0);
  expect(untilReset).toBeLessThanOrEqual(periodSeconds + 2);
  expect(json).toMatchObject({ code: 8 });
  expect(json.details[0]).toMatchObject({ reason: 'RATE_LIMITED', domain: 'hopline' });
}

describe('per address', () => {
  it('so many sign-ups an hour, exactly, of many at once', async () => {
    const address = newAddress();
    const signUp = (index: number) =>
      callFrom(address, '/api/auth/signup', { body: { email: `crowd.${index}@example.org`, password: 'short' } });
    const seen = await atOnce(20, 720_000, signUp);
    expectExactly(figures.signups, seen);
    expectRefusal(seen.refused[0], figures.signups, 3_600);
    const elsewhere = await callFrom(newAddress(), '/api/auth/signup', { body: { email: 'x', password: 'y' } });
    expect(elsewhere.status).toBe(400);
  });

  it('so many log-ins a minute', async () => {
    const address = newAddress();
    const logIn = () => callFrom(address, '/api/auth/login', { body: { email: 'nobody@example.org', password: 'x' } });
    const first = await logIn();
    expect(first.status).toBe(401);
    expect(first.headers).toMatchObject({ 'x-ratelimit-limit': '6', 'x-ratelimit-remaining': '5' });
    const seen = await atOnce(20, 10_000, logIn);
    expectExactly(figures.logins - 1, seen);
    expectRefusal(seen.refused[0], figures.logins, 60);
  });

  it('so many calls a minute without credentials, or with bad ones; good ones go on', async () => {
    const { token } = await newPerson();
    const address = newAddress();
    const calls = [undefined, 'hop_bad', 'a.b.c'];
    const before = await uncounted();
    const seen = await atOnce(60, 3_000, (index) => {
      const bad = calls[index % calls.length];
      return callFrom(address, '/api/v1/urls', bad === undefined ? {} : { token: bad });
    });
    expectExactly(figures.anonymous, seen, (await uncounted()) - before);
    expectRefusal(seen.refused[0], figures.anonymous, 60);
    expect((await callFrom(address, '/api/v1/urls', { token })).status).toBe(200);
  });

  it('a redirect costs nothing of them, and says nothing of them', async () => {
    const { token } = await newPerson();
    const made = await callFrom(newAddress(), '/api/v1/urls', { token, body: { long_url: 'https://example.org/' } });
    const address = newAddress();
    for (let i = 0; i < 30; i++) await callFrom(address, '/api/v1/urls');
    const answers = await Promise.all(Array.from({ length: 50 }, () => callFrom(address, `/${made.json.code}`)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([302]));
    expect(Object.keys(answers[0]?.headers ?? {}).filter((name) => name.startsWith('x-ratelimit'))).toEqual([]);
  });
});

describe('per person or API key', () => {
  it('so many calls a minute, from wherever they come, exactly', async () => {
    const { token } = await newPerson();
    const addresses = [newAddress(), newAddress()];
    const seen = await atOnce(200, 500, (index) => callFrom(addresses[index % 2] ?? '', '/api/v1/users/me', { token }));
    expectExactly(figures.caller, seen);
    expectRefusal(seen.refused[0], figures.caller, 60);
    const allowed = seen.answers.filter(({ status }) => status === 200);
    expect(allowed[0]?.headers['x-ratelimit-limit']).toBe(String(figures.caller));
  });

  it('of an API key apart from its person, and of one person apart from another', async () => {
    const { token } = await newPerson();
    const made = await callFrom(newAddress(), '/api/v1/api-keys', {
      token,
      body: { name: 'ci', scopes: ['links:read'] },
    });
    const left = async (credential: string) =>
      Number((await callFrom(newAddress(), '/api/v1/urls', { token: credential })).headers['x-ratelimit-remaining']);
    // More than come back while the machine stands still.
    for (let i = 0; i < 20; i++) await left(token);
    expect(await left(token)).toBeLessThan(figures.caller - 1);
    expect(await left(made.json.secret)).toBe(figures.caller - 1);
    expect(await left((await newPerson()).token)).toBe(figures.caller - 1);
  });
});

describe('while Valkey is down', () => {
  it('Envoy counts by itself, by the same figures, and the mesh goes on', async () => {
    await mesh.hold('valkey', 'SIGKILL');
    const address = newAddress();
    const seen = await atOnce(20, 10_000, () =>
      callFrom(address, '/api/auth/login', { body: { email: 'nobody@example.org', password: 'x' } }),
    );
    expectExactly(figures.logins, seen);
    expectRefusal(seen.refused[0], figures.logins, 60);
    const { token } = await newPerson();
    const mine = await atOnce(200, 500, () => callFrom(newAddress(), '/api/v1/users/me', { token }));
    expectExactly(figures.caller, mine);
    await mesh.release('valkey');
    const { answer } = await eventually(
      () => callFrom(newAddress(), '/api/auth/login', { body: { email: 'nobody@example.org', password: 'x' } }),
      ({ headers }) => headers['x-ratelimit-remaining'] !== undefined,
    );
    expect(answer.headers['x-ratelimit-remaining']).toBe(String(figures.logins - 1));
  });
});

describe('an address that keeps asking for unknown codes', () => {
  it('is slowed, and then refused, while good links of the same address work', async () => {
    const { token } = await newPerson();
    const make = async (alias: string) => {
      const body = { long_url: 'https://example.org/', alias };
      expect((await callFrom(newAddress(), '/api/v1/urls', { token, body })).status).toBe(201);
    };
    await make('known-before');
    await make('known-never');
    const address = newAddress();
    expect((await callFrom(newAddress(), '/known-before')).status).toBe(302);
    const statuses: number[] = [];
    let refusal: Answer | undefined;
    for (let i = 0; i < 40; i++) {
      // Generated-looking codes that were never handed out: the filter knows that.
      const answer = await callFrom(address, `/${`zzzzz${i}`.slice(-5)}Qx`, { accept: 'application/json' });
      statuses.push(answer.status);
      if (answer.status === 429) refusal = answer;
      const good = await callFrom(address, '/known-before');
      expect(good.status).toBe(302);
    }
    expect(statuses.slice(0, figures.unknownCodes)).toEqual(Array(figures.unknownCodes).fill(404));
    expectRefusal(refusal, figures.unknownCodes, 60);
    expect((await callFrom(address, '/known-never')).status).toBe(302);
    expect((await callFrom(newAddress(), '/zzzzzzQ')).status).toBe(404);
  });
});

describe('link, asked for more than it can store', () => {
  it('sheds with 503 and Retry-After, makes what it answered 201, and is whole again at once', async () => {
    const { token } = await newPerson();
    const create = () =>
      callFrom(newAddress(), '/api/v1/urls', { token, body: { long_url: 'https://example.org/shed' } });
    const { answers } = await atOnce(100, 500, create);
    const shed = answers.filter(({ status }) => status === 503);
    expect(shed.length).toBeGreaterThan(0);
    for (const { headers, json } of shed) {
      expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1);
      expect(json.details[0].reason).toBe('OVERLOADED');
    }
    const made = answers.filter(({ status }) => status === 201);
    expect(made.length).toBeGreaterThan(0);
    expect(made.length + shed.length).toBe(100);
    expect((await create()).status).toBe(201);
    const list = await callFrom(newAddress(), '/api/v1/urls?page_size=1000', { token });
    expect(list.json.urls).toHaveLength(made.length + 1);
  });

  it('and no host is put out for it', async () => {
    const stats = await fetch(
      `http://127.0.0.1:${mesh.ports['envoy-admin']}/stats?filter=^cluster.link.*(ejections_active|upstream_rq_retry)$`,
    );
    expect((await stats.text()).match(/: (\d+)$/gm)).toEqual([': 0', ': 0']);
  });
});
