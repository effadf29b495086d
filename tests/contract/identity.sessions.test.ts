import { createPublicKey, verify } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { concurrently } from '../support/concurrently.ts';
import { eventually } from '../support/eventually.ts';
import { type Answer, call } from '../support/http.ts';
import { newPerson, type Person } from '../support/people.ts';
import { email, expectSession, expectSignedOut, holds, logIn, me, password, refresh } from './support/identity.ts';
import { expectBad, expectRefusal } from './support/refusals.ts';
import { readJwt } from './support/tokens.ts';

let ada: Person;
beforeAll(async () => {
  ada = await newPerson();
});

describe('POST /api/auth/login', () => {
  it('the same shape', async () => {
    const answer = await logIn(ada.email, ada.password);
    expect(answer.status).toBe(200);
    expectSession(answer, { email: ada.email, name: 'Ada' });
    expect(answer.json.workspace.id).toBe(ada.workspaceId);
    expect((await me(answer.json.token)).json.id).toBe(ada.userId);
  });

  it('a wrong password and an unknown email look alike, in text and in time', async () => {
    const times: Record<'wrong' | 'unknown', number[]> = { wrong: [], unknown: [] };
    const seen = new Set<string>();
    const person = await newPerson();
    for (let round = 0; round < 9; round++) {
      for (const [kind, address] of [
        ['wrong', person.email],
        ['unknown', email()],
      ] as const) {
        const started = performance.now();
        const answer = await logIn(address, password());
        times[kind].push(performance.now() - started);
        expectRefusal(answer, 401, 'LOGIN_FAILED');
        seen.add(answer.text + [...answer.headers.keys()].sort().join());
      }
    }
    expect(seen.size).toBe(1);
    const median = (all: number[]) => all.sort((a, b) => a - b)[all.length >> 1] as number;
    const ratio = median(times.wrong) / median(times.unknown);
    expect(ratio, JSON.stringify(times)).toBeGreaterThan(0.4);
    expect(ratio, JSON.stringify(times)).toBeLessThan(2.5);
  });

  it.each([
    ['a NUL', 'ada\u0000@example.org'],
    ['a line', 'ada\r\n@example.org'],
    ['an API key', 'hop_x'],
    ['SQL', "' or '1'='1"],
    ['an address of 250 characters', `${'a'.repeat(200)}@${'b'.repeat(40)}.org`],
  ])('an email that is none fails alike: %s', async (_, address) =>
    expectRefusal(await logIn(address, password()), 401, 'LOGIN_FAILED'),
  );
});

describe('POST /api/auth/refresh', () => {
  it('with use_cookie: the token is in a cookie, which is sent to this path', async () => {
    const person = await newPerson();
    const withCookie = (path: string, body: object, headers: Record<string, string> = {}) =>
      call(path, { body: { ...body, use_cookie: true }, headers });
    const cookieOf = ({ headers }: Answer) => {
      const cookie = headers.getSetCookie().find((each) => each.includes('; Path=/api/auth/refresh;'));
      return cookie?.split(';', 1)[0] ?? '';
    };
    const signedIn = await withCookie('/api/auth/login', { email: person.email, password: person.password });
    expect([signedIn.status, signedIn.json.refresh_token]).toEqual([200, '']);
    const next = await withCookie('/api/auth/refresh', {}, { cookie: cookieOf(signedIn) });
    expect([next.status, next.json.user?.email, next.json.refresh_token]).toEqual([200, person.email, '']);
    expect(cookieOf(next)).not.toBe(cookieOf(signedIn));
    expectRefusal(await withCookie('/api/auth/refresh', {}), 401, 'REFRESH_TOKEN_INVALID');
    const elsewhere = { cookie: cookieOf(next), origin: 'https://elsewhere.example' };
    expectRefusal(await withCookie('/api/auth/refresh', {}, elsewhere), 403, 'ORIGIN_REFUSED');
  });

  it('a new pair; in the grace the same successor; after it the old one is void and the whole family is revoked', async () => {
    const person = await newPerson();
    const first = await refresh(person.refreshToken);
    expect(first.status).toBe(200);
    expectSession(first, { email: person.email, name: 'Ada' });
    expect(first.json.refresh_token).not.toBe(person.refreshToken);
    const twins = await concurrently(6, 6, () => refresh(person.refreshToken));
    for (const twin of twins) expect([twin.status, twin.json.refresh_token]).toEqual([200, first.json.refresh_token]);
    const second = await refresh(first.json.refresh_token);
    expect(second.status).toBe(200);
    expect((await me(second.json.token)).status).toBe(200);

    // The grace is at most 30 s; the mesh of the tests has one of 5 s.
    await sleep(5_600);
    expectRefusal(await refresh(person.refreshToken), 401, 'REFRESH_TOKEN_REUSED');
    for (const token of [second.json.refresh_token, first.json.refresh_token, person.refreshToken])
      expectRefusal(await refresh(token), 401);
    for (const token of [person.token, first.json.token, second.json.token])
      await eventually(
        () => me(token),
        ({ status }) => status === 401,
        holds,
      );
    // Another session of the same person is not of that family.
    expect((await logIn(person.email, person.password)).status).toBe(200);
  });

  it('many at once get one successor', async () => {
    const person = await newPerson();
    const answers = await concurrently(10, 10, () => refresh(person.refreshToken));
    expect(new Set(answers.map(({ status, json }) => `${status} ${json.refresh_token}`)).size).toBe(1);
  });

  it.each([
    'x',
    'hopr_',
    `hopr_${'A'.repeat(43)}`,
    `hopr_${'A'.repeat(42)}`,
    `hop_${'0'.repeat(38)}`,
    "' or 1=1 --",
    'x'.repeat(4096),
  ])('a token that never was is 401: %.20s', async (token) =>
    expectRefusal(await refresh(token), 401, 'REFRESH_TOKEN_INVALID'),
  );

  it('an access token is no refresh token, and a refresh token no access token', async () => {
    const answer = await refresh(ada.token);
    expectRefusal(answer, 401, 'REFRESH_TOKEN_INVALID');
    expectRefusal(await me(ada.refreshToken), 401, 'CREDENTIALS_INVALID');
    expectBad(await refresh(''), 'refresh_token');
  });
});

it('POST /api/auth/logout ends this session and no other: refresh tokens at once, the access token within 5 s', async () => {
  const person = await newPerson();
  const other = await logIn(person.email, person.password);
  const out = await call('/api/auth/logout', { method: 'POST', token: person.token });
  expect([out.status, out.json]).toEqual([200, {}]);
  await expectSignedOut([{ token: person.token, refresh_token: person.refreshToken }]);
  expect((await me(other.json.token)).status).toBe(200);
  expect((await refresh(other.json.refresh_token)).status).toBe(200);
});

it('POST /api/v1/sessions:revokeOthers ends all sessions but the one that asks; GET /api/v1/sessions comes in pages', async () => {
  const person = await newPerson();
  const others = [await logIn(person.email, person.password), await logIn(person.email, person.password)];
  const list = (query: string) => call(`/api/v1/sessions?${query}`, { token: person.token });
  const first = await list('page_size=2');
  const last = await list(`page_size=2&page_token=${first.json.next_page_token}`);
  const seen = [first, last].map(({ json }) => json.sessions.map(({ id }: { id: string }) => id));
  expect(seen.map(({ length }) => length)).toEqual([2, 1]);
  expect([new Set(seen.flat()).size, last.json.next_page_token]).toEqual([3, '']);
  expectBad(await list('page_size=-1'), 'page_size');
  expectRefusal(await list('page_token=x'), 400, 'PAGE_TOKEN_INVALID');
  const ended = await call('/api/v1/sessions:revokeOthers', { token: person.token, body: {} });
  expect([ended.status, ended.json]).toEqual([200, { revoked_count: 2 }]);
  await expectSignedOut(others.map(({ json }) => json));
  expect((await me(person.token)).status).toBe(200);
});

it('GET /.well-known/jwks.json verifies the tokens, and holds nothing private', async () => {
  const answer = await call('/.well-known/jwks.json');
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json']);
  expect(answer.text).not.toMatch(/"d"|private/);
  const [head = '', payload = '', signature = ''] = ada.token.split('.');
  const { kid, alg } = readJwt(ada.token).header;
  const jwk = answer.json.keys.find((key: { kid: string }) => key.kid === kid);
  expect(jwk).toMatchObject({ kid, alg, use: 'sig' });
  const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' as const };
  expect(verify('sha256', Buffer.from(`${head}.${payload}`), key, Buffer.from(signature, 'base64url'))).toBe(true);
});
