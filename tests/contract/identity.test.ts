import { createPublicKey, randomUUID, verify } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { concurrently } from '../support/concurrently.ts';
import { eventually } from '../support/eventually.ts';
import { type Answer, call } from '../support/http.ts';
import { newLink, newPerson, type Person } from '../support/people.ts';
import { expectBad, expectRefusal } from './support/refusals.ts';
import { readJwt } from './support/tokens.ts';

let ada: Person;
beforeAll(async () => {
  ada = await newPerson();
});

const signUp = (body: object) => call('/api/auth/signup', { body });
const logIn = (email: string, password: string) => call('/api/auth/login', { body: { email, password } });
const refresh = (refresh_token: string) => call('/api/auth/refresh', { body: { refresh_token } });
const me = (token: string) => call('/api/v1/users/me', { token });
const email = () => `grace.${randomUUID()}@example.org`;
const password = () => `long enough ${randomUUID()}`;
/** How long a revocation may take to hold everywhere. */
const holds = { timeoutMs: 5_000, everyMs: 50 };

/** The refresh tokens of these sessions are void at once, their access tokens within 5 s. */
async function expectSignedOut(sessions: readonly { readonly token: string; readonly refresh_token: string }[]) {
  for (const { refresh_token } of sessions) expectRefusal(await refresh(refresh_token), 401, 'REFRESH_TOKEN_INVALID');
  await eventually(
    () => Promise.all(sessions.map(({ token }) => me(token))),
    (answers) => answers.every(({ status }) => status === 401),
    holds,
  );
}

function expectSession({ json, headers }: Answer, person: { email: string; name: string }): void {
  expect(json).toMatchObject({
    user: { id: expect.any(String), ...person },
    workspace: { id: expect.any(String), name: expect.stringMatching(/\S/) },
    token: expect.any(String),
    refresh_token: expect.any(String),
  });
  expect(json.expires_in).toBeGreaterThan(0);
  expect(json.expires_in).toBeLessThanOrEqual(900);
  const { exp, iat } = readJwt(json.token).payload as { exp: number; iat: number };
  expect(exp - iat).toBeLessThanOrEqual(900);
  expect(headers.get('cache-control')).toBe('no-store');
}

describe('POST /api/auth/signup', () => {
  it('201 with user, workspace, token, refresh_token, expires_in; a personal workspace is made', async () => {
    const person = { email: `Grace.${randomUUID()}@Example.org`, name: 'Grace 👩‍💻' };
    const [one, two] = [
      await signUp({ ...person, password: password() }),
      await signUp({ email: email(), password: password() }),
    ];
    expect([one.status, two.status]).toEqual([201, 201]);
    expectSession(one, person);
    expect(two.json.user.name).toBe('');
    expect(one.json.workspace.id).not.toBe(two.json.workspace.id);
    expect((await call('/api/v1/urls', { token: one.json.token })).json).toEqual({ urls: [], next_page_token: '' });
  });

  it.each([
    ['9 characters', 'ninechars'],
    ['257 characters', `${'x1'.repeat(128)}y`],
    ['9 characters of 2 bytes', 'éàüöäßñçø'],
    ['9 characters outside the first plane', '🙂'.repeat(9)],
    ['none', ''],
    ['a common one', '1234567890'],
    ['one digit again and again', '1111111111'],
    ['digits that count on', '0123456789'],
    ['digits that count back', '98765432109'],
    ['a common one in capitals', 'QWERTYUIOP'],
    ['a common one in full-width letters', 'ｑｗｅｒｔｙｕｉｏｐ'],
    ['a megabyte', 'x'.repeat(900_000)],
  ])('Passwords: 10 to 256 characters, not a common one: %s is 400', async (_, tried) => {
    expectBad(await signUp({ email: email(), password: tried }), 'password');
  });

  it('the email itself is no password', async () => {
    const address = email();
    expectBad(await signUp({ email: address, password: address.toUpperCase() }), 'password');
  });

  it.each([
    ['10 characters', 'tencharsX1'],
    ['256 characters', 'x1'.repeat(128)],
    ['256 characters of 2 bytes', 'éà'.repeat(128)],
    ['10 characters outside the first plane', '🙂🙃😉😊😇🥰😍🤩😘😗'],
    ['spaces at its ends', '  with spaces around  '],
    ['a NUL in it', 'before\u0000after the NUL'],
  ])('%s pass, and sign in, as they are and not otherwise', async (_, tried) => {
    const address = email();
    const made = await signUp({ email: address, password: tried });
    expect(made.status, made.text).toBe(201);
    expect((await logIn(address, tried)).status).toBe(200);
    for (const other of [
      [...tried].slice(0, -1).join(''),
      `${tried}x`,
      tried.includes('\u0000') ? 'before' : `x${tried}`,
    ])
      expectRefusal(await logIn(address, other), 401, 'LOGIN_FAILED');
  });

  it('Emails are compared without case; a taken one is 409', async () => {
    const [address, secret] = [`Grace.${randomUUID()}@Example.org`, password()];
    expect((await signUp({ email: address, password: secret })).json.user.email).toBe(address);
    for (const other of [
      address,
      address.toLowerCase(),
      address.toUpperCase(),
      address.replace('Grace', 'ＧＲＡＣＥ'),
    ]) {
      expectRefusal(await signUp({ email: other, password: password() }), 409, 'EMAIL_TAKEN');
      const answer = await logIn(other, secret);
      expect([other, answer.status, answer.json.user?.email]).toEqual([other, 200, address]);
    }
  });

  it('one of many who take an email at once gets it', async () => {
    const address = email();
    const answers = await concurrently(8, 8, () => signUp({ email: address, password: password() }));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(7).fill(409)]);
  });

  it.each([
    '',
    ' ',
    'ada',
    '@example.org',
    'ada@',
    'ada@@example.org',
    'ada@example',
    'ada@.org',
    'ada@example..org',
    'a da@example.org',
    'ada@exa mple.org',
    'ada@example.org\r\nbcc: eve@example.org',
    'ada@example.org\u0000',
    '<ada@example.org>',
    'Ada <ada@example.org>',
    'ada@example.org,eve@example.org',
    'ada@[127.0.0.1]',
    '"a b"@example.org',
    '.ada@example.org',
    'ada.@example.org',
    `${'a'.repeat(65)}@example.org`,
    `${'a'.repeat(60)}@${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(63)}.example.org`,
    'ada@-example.org',
  ])('no email address is 400: %j', async (address) => {
    expectBad(await signUp({ email: address, password: password() }), 'email');
  });

  it.each([
    [{}, 'email'],
    [{ email: 'a@example.org' }, 'password'],
    [{ email: 'a@example.org', password: 'long enough', name: 'x'.repeat(129) }, 'name'],
  ])('400 names the field: %j', async (body, field) => expectBad(await signUp(body), field));

  it('a name that nobody can read is refused or kept, never a fault', async () => {
    for (const name of ['a\u0000b', 'a\nb', '\u202eadA', ' ', '<script>']) {
      const answer = await signUp({ email: email(), password: password(), name });
      expect([201, 400], answer.text).toContain(answer.status);
      if (answer.status === 201) expect((await me(answer.json.token)).json.name).toBe(name.trim());
    }
  });
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

it('GET /api/v1/users/me', async () => {
  const answer = await me(ada.token);
  expect(answer.json).toEqual({
    id: ada.userId,
    email: ada.email,
    name: 'Ada',
    created_at: expect.stringMatching(/Z$/),
    workspace: { id: ada.workspaceId, name: expect.any(String), role: 'owner' },
  });
});

describe('PATCH /api/v1/users/me', () => {
  const update = (token: string, body: object) => call('/api/v1/users/me', { method: 'PATCH', token, body });

  it('changes the name alone, and clears it', async () => {
    const person = await newPerson();
    for (const name of ['Grace 👩‍💻', '']) {
      const answer = await update(person.token, { name });
      expect([answer.status, answer.json]).toEqual([200, (await me(person.token)).json]);
      expect([answer.json.name, answer.json.email]).toEqual([name, person.email]);
    }
    expectBad(await update(person.token, { name: 'x'.repeat(129) }), 'name');
  });

  it('counts as a log-in and as a call of its person; its answer tells of one of the limits', async () => {
    const { headers } = await update((await newPerson()).token, { name: 'Ada' });
    for (const name of ['limit', 'remaining', 'reset']) expect(headers.get(`x-ratelimit-${name}`)).toMatch(/^\d+$/);
  });

  it('changes the email with the current password; a taken one is 409, in any case', async () => {
    const [person, other] = [await newPerson(), await newPerson()];
    const current_password = person.password;
    const address = email();
    expectBad(await update(person.token, { email: address }), 'current_password');
    const wrong = await update(person.token, { email: address, current_password: password() });
    expectRefusal(wrong, 400, 'CURRENT_PASSWORD_WRONG');
    expectBad(wrong, 'current_password');
    expectBad(await update(person.token, { email: 'nobody', current_password }), 'email');
    const taken = { email: other.email.toUpperCase(), current_password };
    expectRefusal(await update(person.token, taken), 409, 'EMAIL_TAKEN');
    expect((await update(person.token, { email: address, current_password })).json.email).toBe(address);
    expect((await logIn(address, person.password)).status).toBe(200);
    expectRefusal(await logIn(person.email, person.password), 401, 'LOGIN_FAILED');
  });

  it('is for a session: an API key is 403', async () => {
    const { json } = await call('/api/v1/api-keys', { token: ada.token, body: { name: 'k', scopes: ['keys:write'] } });
    expectRefusal(await update(json.secret, { name: 'K' }), 403, 'CALLER_KIND_REFUSED');
  });
});

describe('POST /api/v1/users/me:changePassword', () => {
  const change = (token: string, current_password: string, new_password: string) =>
    call('/api/v1/users/me:changePassword', { token, body: { current_password, new_password } });

  it('changes it, goes on with this session and ends all others: refresh tokens at once, access tokens within 5 s', async () => {
    const person = await newPerson();
    const next = password();
    const others = [await logIn(person.email, person.password), await logIn(person.email, person.password)];
    const answer = await change(person.token, person.password, next);
    expect([answer.status, answer.json]).toEqual([200, { revoked_count: 2 }]);
    await expectSignedOut(others.map(({ json }) => json));
    expect((await me(person.token)).status).toBe(200);
    expect((await refresh(person.refreshToken)).status).toBe(200);
    expectRefusal(await logIn(person.email, person.password), 401, 'LOGIN_FAILED');
    expect((await logIn(person.email, next)).status).toBe(200);
    // As after an answer that was lost.
    expect((await change(person.token, person.password, next)).json).toEqual({ revoked_count: 0 });
  });

  it('a wrong current password is 400 by its field, signs nobody out, and changes nothing', async () => {
    const person = await newPerson();
    const answer = await change(person.token, password(), password());
    expectRefusal(answer, 400, 'CURRENT_PASSWORD_WRONG');
    expectBad(answer, 'current_password');
    expect((await me(person.token)).status).toBe(200);
    expect((await logIn(person.email, person.password)).status).toBe(200);
  });

  it.each([
    ['none', ''],
    ['9 characters', 'ninechars'],
    ['257 characters', `${'x1'.repeat(128)}y`],
    ['a common one', 'QWERTYUIOP'],
  ])('the new one keeps to the rules of sign-up: %s is 400', async (_, tried) => {
    expectBad(await change(ada.token, ada.password, tried), 'new_password');
  });

  it('the current one is no new one', async () => {
    expectBad(await change(ada.token, ada.password, ada.password), 'new_password');
  });

  it('is for a session: an API key is 403', async () => {
    const { json } = await call('/api/v1/api-keys', { token: ada.token, body: { name: 'k', scopes: ['keys:write'] } });
    expectRefusal(await change(json.secret, ada.password, password()), 403, 'CALLER_KIND_REFUSED');
  });
});

describe('POST /api/v1/users/me:delete', () => {
  const remove = (token: string, current_password: string) =>
    call('/api/v1/users/me:delete', { token, body: { current_password } });

  it('ends the account: passwords and refresh tokens at once, access tokens and API keys within 5 s; the email is free', async () => {
    const person = await newPerson();
    const { json: key } = await call('/api/v1/api-keys', {
      token: person.token,
      body: { name: 'k', scopes: ['links:read'] },
    });
    const answer = await remove(person.token, person.password);
    expect([answer.status, answer.json]).toEqual([200, {}]);
    expectRefusal(await refresh(person.refreshToken), 401, 'REFRESH_TOKEN_INVALID');
    expectRefusal(await logIn(person.email, person.password), 401, 'LOGIN_FAILED');
    await eventually(
      () => Promise.all([me(person.token), call('/api/v1/urls', { token: key.secret })]),
      (answers) => answers.every(({ status }) => status === 401),
      holds,
    );
    const again = await call('/api/auth/signup', { body: { email: person.email, password: person.password } });
    expect([again.status, again.json.user.id === person.userId]).toEqual([201, false]);
  });

  it('a wrong password is 400 by its field, and deletes nothing', async () => {
    const person = await newPerson();
    const answer = await remove(person.token, password());
    expectRefusal(answer, 400, 'CURRENT_PASSWORD_WRONG');
    expectBad(answer, 'current_password');
    expectBad(await remove(person.token, ''), 'current_password');
    expect((await logIn(person.email, person.password)).status).toBe(200);
  });

  it('is for a session: an API key is 403', async () => {
    const { json } = await call('/api/v1/api-keys', { token: ada.token, body: { name: 'k', scopes: ['keys:write'] } });
    expectRefusal(await remove(json.secret, ada.password), 403, 'CALLER_KIND_REFUSED');
  });
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

describe('API keys', () => {
  const keys = '/api/v1/api-keys';
  const create = (body: object, token = ada.token) => call(keys, { token, body });
  const remove = (id: string, token = ada.token) => call(`${keys}/${id}`, { method: 'DELETE', token });

  it('201 with the secret, which is shown once', async () => {
    const expires_at = '2099-01-01T00:00:00Z';
    const made = await create({ name: 'once', scopes: ['links:read', 'stats:read'], expires_at });
    expect(made.status, made.text).toBe(201);
    expect(made.json).toMatchObject({
      id: expect.any(String),
      name: 'once',
      scopes: ['links:read', 'stats:read'],
      expires_at,
    });
    expect(made.json.secret).toMatch(/^hop_[0-9A-Za-z]{38}$/);
    expect(made.json.created_at).toMatch(/Z$/);
    expect(made.headers.get('cache-control')).toBe('no-store');
    const listed = await call(keys, { token: ada.token });
    expect(listed.status).toBe(200);
    expect(listed.text).not.toContain(made.json.secret);
    const key = listed.json.api_keys.find(({ id }: { id: string }) => id === made.json.id);
    expect(key).toMatchObject({ name: 'once', scopes: ['links:read', 'stats:read'] });
    expect(key).not.toHaveProperty('secret');
    expect(made.json.secret.startsWith(key.prefix)).toBe(true);
  });

  it('a key does what its scopes say, as the person who made it', async () => {
    const { json } = await create({ name: 'all', scopes: ['links:read', 'links:write', 'stats:read'] });
    const link = await newLink({ ...ada, token: json.secret });
    expect((await call(`/api/v1/urls/${link.code}`, { token: ada.token })).status).toBe(200);
    expect((await call(`/api/v1/urls/${link.code}/stats`, { token: json.secret })).status).toBe(200);
    expect((await me(json.secret)).json.id).toBe(ada.userId);
    expectRefusal(await call(keys, { token: json.secret }), 403, 'SCOPE_MISSING');
    expectRefusal(await call('/api/auth/logout', { method: 'POST', token: json.secret }), 403, 'CALLER_KIND_REFUSED');
    await eventually(
      () => call(keys, { token: ada.token }),
      (listed) => listed.json.api_keys.find(({ id }: { id: string }) => id === json.id)?.last_used_at !== undefined,
    );
  });

  it('a key cannot give what it does not have', async () => {
    const { json } = await create({ name: 'keys', scopes: ['keys:write', 'links:read'] });
    expect((await create({ name: 'child', scopes: ['links:read'] }, json.secret)).status).toBe(201);
    for (const scope of ['links:write', 'workspace:admin'])
      expectRefusal(await create({ name: 'more', scopes: [scope] }, json.secret), 403, 'SCOPE_MISSING');
  });

  it('DELETE holds everywhere within 5 s, also for a key that was just in use', async () => {
    const { json } = await create({ name: 'gone', scopes: ['links:read'] });
    for (let time = 0; time < 5; time++) expect((await call('/api/v1/urls', { token: json.secret })).status).toBe(200);
    const deleted = await remove(json.id);
    expect([deleted.status, deleted.json]).toEqual([200, {}]);
    const { tookMs } = await eventually(
      () => call('/api/v1/urls', { token: json.secret }),
      ({ status }) => status === 401,
      holds,
    );
    expect(tookMs).toBeLessThan(5_000);
    expectRefusal(await call('/api/v1/urls', { token: json.secret }), 401, 'CREDENTIALS_INVALID');
    expectRefusal(await remove(json.id), 404, 'API_KEY_NOT_FOUND');
    expect((await call(keys, { token: ada.token })).text).not.toContain(json.id);
  });

  it('expires_at ends it, also when it was just in use', async () => {
    const expires_at = new Date(Date.now() + 5_000).toISOString();
    const { status, json } = await create({ name: 'short', scopes: ['links:read'], expires_at });
    expect(status).toBe(201);
    expect((await call('/api/v1/urls', { token: json.secret })).status).toBe(200);
    await sleep(1_000);
    expect((await call('/api/v1/urls', { token: json.secret })).status).toBe(200);
    await eventually(
      () => call('/api/v1/urls', { token: json.secret }),
      (answer) => answer.status === 401,
      { timeoutMs: 15_000 },
    );
    expectRefusal(await call('/api/v1/urls', { token: json.secret }), 401, 'CREDENTIALS_EXPIRED');
  });

  it('a secret with one letter changed is no secret', async () => {
    const { json } = await create({ name: 'typo', scopes: ['links:read'] });
    const secret: string = json.secret;
    for (const at of [4, 20, 41]) {
      const changed = secret.slice(0, at) + (secret[at] === 'a' ? 'b' : 'a') + secret.slice(at + 1);
      expectRefusal(await me(changed), 401, 'CREDENTIALS_INVALID');
    }
    for (const changed of [secret.toLowerCase(), secret.toUpperCase(), secret.slice(0, -1), `${secret}0`, json.prefix])
      expectRefusal(await me(changed), 401, 'CREDENTIALS_INVALID');
  });

  it.each<[object, string]>([
    [{ scopes: ['links:read'] }, 'name'],
    [{ name: '', scopes: ['links:read'] }, 'name'],
    [{ name: '   ', scopes: ['links:read'] }, 'name'],
    [{ name: 'a\u0000b', scopes: ['links:read'] }, 'name'],
    [{ name: 'x'.repeat(129), scopes: ['links:read'] }, 'name'],
    [{ name: 'k' }, 'scopes'],
    [{ name: 'k', scopes: [] }, 'scopes'],
    [{ name: 'k', scopes: ['links:*'] }, 'scopes[0]'],
    [{ name: 'k', scopes: ['links:read', '*'] }, 'scopes[1]'],
    [{ name: 'k', scopes: ['LINKS:READ'] }, 'scopes[0]'],
    [{ name: 'k', scopes: ['links:read'], expires_at: '2001-01-01T00:00:00Z' }, 'expires_at'],
    [{ name: 'k', scopes: ['links:read'], expires_at: '9999-12-31T23:59:59.999999999Z' }, 'expires_at'],
  ])('400 names the field: %j', async (body, field) => expectBad(await create(body), field));

  it('what was refused left nothing that the list could not show', async () => {
    expect((await call(keys, { token: ada.token })).status).toBe(200);
  });

  it.each([randomUUID(), 'nothing', '%27', '0'])('DELETE of one that is not there is 404: %s', async (id) => {
    expectRefusal(await remove(id), 404, 'API_KEY_NOT_FOUND');
  });
});
