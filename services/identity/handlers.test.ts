import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { type Timestamp, timestampDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SignUpRequestSchema } from '#gen/identity/v1/identity_service_pb.ts';
import type { Session } from '#gen/identity/v1/user_pb.ts';
import { ErrorInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { startMetrics } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { testPerson, testService } from '#runtime/testing/keys.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { scopesOf } from './roles.ts';
import type { IdentityStore } from './store.ts';
import { startSweeper } from './sweeper.ts';
import {
  callerOf,
  refusal,
  startTestIdentity,
  type TestIdentity,
  testGraceMs,
  testIssuer,
} from './testing/test-identity.ts';

const password = 'a long walk in the rain';
let identity: TestIdentity;
let counter = 0;

beforeAll(async () => {
  identity = await startTestIdentity();
});
afterAll(() => identity.stop());

const newEmail = (): string => `person-${++counter}@example.com`;

async function signUp(email = newEmail()): Promise<Session> {
  return identity.client().signUp({ email, password, name: 'Ada' });
}

async function revoked(cursor = ''): Promise<{ ids: string[]; cursor: string }> {
  const answer = await identity.client(testService('gateway-access')).listRevocations({ cursor });
  return { ids: answer.credentialIds, cursor: answer.cursor };
}

describe('SignUp', () => {
  it('makes a person with a personal workspace, signs in and says 201', async () => {
    const headers: Headers[] = [];
    const email = newEmail();
    const session = await identity
      .client()
      .signUp({ email, password }, { onHeader: (received) => headers.push(received) });
    expect(session.user).toMatchObject({ email, name: '' });
    expect(session.workspace).toMatchObject({ role: 'owner' });
    expect(session.expiresIn).toBe(900);
    expect(session.refreshToken).toMatch(/^hopr_/);
    expect(headers[0]?.get('x-status')).toBe('201');
    expect(headers[0]?.get('cache-control')).toBe('no-store');
    expect(callerOf(session)).toMatchObject({ userId: session.user?.id, workspaceId: session.workspace?.id });
  });

  it('refuses an email that differs only by case, width or composition', async () => {
    await signUp('Zoe.Café@Example.com');
    for (const email of ['zoe.café@example.COM', 'ZOE.CAFE\u0301@example.com', 'Ｚｏｅ.café@example.com']) {
      expect(await refusal(signUp(email))).toMatchObject({ code: Code.AlreadyExists, reason: 'EMAIL_TAKEN' });
    }
  });

  it('lets one of many concurrent twins through', async () => {
    const email = newEmail();
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => signUp(email)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('names every field that is wrong at once', async () => {
    const call = identity.client().signUp({ email: 'nobody', password: 'short' });
    expect(await refusal(call)).toEqual({
      code: Code.InvalidArgument,
      reason: 'INVALID_ARGUMENT',
      fields: ['email', 'password'],
    });
    const common = identity.client().signUp({ email: newEmail(), password: 'Password123' });
    expect(await refusal(common)).toMatchObject({ reason: 'PASSWORD_TOO_COMMON', fields: ['password'] });
    const long = identity.client().signUp({ email: newEmail(), password, name: 'x'.repeat(129) });
    expect(await refusal(long)).toMatchObject({ code: Code.InvalidArgument, fields: ['name'] });
  });
});

describe('LogIn', () => {
  it('answers the same shape as sign-up, whatever the case of the email', async () => {
    const made = await signUp('Mixed.Case@example.com');
    const session = await identity.client().logIn({ email: 'mixed.case@EXAMPLE.com', password });
    expect(session.user).toEqual(made.user);
    expect(session.workspace).toEqual(made.workspace);
    expect(session.refreshToken).not.toBe(made.refreshToken);
  });

  it('refuses a wrong password, an unknown email and what is no email alike', async () => {
    const email = newEmail();
    await signUp(email);
    const client = identity.client();
    const messages = await Promise.all(
      [email, newEmail(), 'no email'].map((who) =>
        client.logIn({ email: who, password: 'not the password' }).catch((error: unknown) => {
          const { code, rawMessage } = ConnectError.from(error);
          return { code, rawMessage, info: ConnectError.from(error).findDetails(ErrorInfoSchema) };
        }),
      ),
    );
    expect(messages[0]).toMatchObject({ code: Code.Unauthenticated, info: [{ reason: 'LOGIN_FAILED' }] });
    expect(messages[1]).toEqual(messages[0]);
    expect(messages[2]).toEqual(messages[0]);
  });
});

describe('RefreshSession', () => {
  const refresh = (refreshToken: string): Promise<Session> => identity.client().refreshSession({ refreshToken });

  it('answers the same successor within the grace, and one to all who ask at once', async () => {
    const { refreshToken } = await signUp();
    const answers = await Promise.all(Array.from({ length: 10 }, () => refresh(refreshToken)));
    const successors = new Set(answers.map((answer) => answer.refreshToken));
    expect(successors.size).toBe(1);
    identity.clock.now += testGraceMs - 1_000;
    expect(successors).toContain((await refresh(refreshToken)).refreshToken);
    const { rows } = await identity.pool.query(
      'select count(*)::int as tokens from identity.refresh_tokens where session_id = $1',
      [answers[0] && callerOf(answers[0]).credentialId],
    );
    expect(rows).toEqual([{ tokens: 2 }]);
  });

  it('does so although the clock of the process that sweeps is ahead', async () => {
    const before = identity.clock.now;
    identity.clock.now = Date.now() - testGraceMs - 1_000;
    const { refreshToken } = await signUp();
    const { refreshToken: successor } = await refresh(refreshToken);
    let sweeps = 0;
    const sweep: IdentityStore['sweep'] = (...asked) => identity.store.sweep(...asked).finally(() => sweeps++);
    const sweeper = startSweeper({ store: { sweep }, graceMs: testGraceMs, intervalMs: 10, log: silentLog });
    await waitFor(() => sweeps > 0);
    await sweeper.stop();
    identity.clock.now += testGraceMs - 1_000;
    expect((await refresh(refreshToken)).refreshToken).toBe(successor);
    identity.clock.now = before;
  });

  it('revokes the whole family when a token comes again after the grace', async () => {
    const first = await signUp();
    const second = await refresh(first.refreshToken);
    const third = await refresh(second.refreshToken);
    const { cursor } = await revoked();
    identity.clock.now += testGraceMs + 1_000;
    const metrics = await startMetrics({ instance: 'identity', metricsAddress: { host: '127.0.0.1', port: 0 } });
    expect(await refusal(refresh(first.refreshToken))).toEqual({
      code: Code.Unauthenticated,
      reason: 'REFRESH_TOKEN_REUSED',
      fields: [],
    });
    expect((await metrics.read()).sum(metric.tokensReused)).toBe(1);
    await metrics.stop();
    expect(await refusal(refresh(third.refreshToken))).toMatchObject({ reason: 'REFRESH_TOKEN_INVALID' });
    expect((await revoked(cursor)).ids).toEqual([callerOf(first).credentialId]);
  });

  it('refuses an ended, an unknown and a malformed token', async () => {
    const { refreshToken } = await signUp();
    identity.clock.now += 31 * 86_400_000;
    for (const token of [refreshToken, `hopr_${'A'.repeat(43)}`, 'x', `${refreshToken} `]) {
      expect(await refusal(refresh(token))).toMatchObject({
        code: Code.Unauthenticated,
        reason: 'REFRESH_TOKEN_INVALID',
      });
    }
  });

  it('keeps the session across refreshes, and stores no token', async () => {
    const first = await signUp();
    const second = await refresh(first.refreshToken);
    expect(callerOf(second).credentialId).toBe(callerOf(first).credentialId);
    const { rows } = await identity.pool.query('select t::text as row from identity.refresh_tokens t');
    expect(JSON.stringify(rows)).not.toContain(first.refreshToken.slice(5));
  });
});

describe('LogOut', () => {
  it('voids the refresh token at once and tells that the session is revoked, once', async () => {
    const session = await signUp();
    const { cursor } = await revoked();
    const client = identity.client(callerOf(session));
    await client.logOut({});
    await client.logOut({});
    expect(await refusal(identity.client().refreshSession({ refreshToken: session.refreshToken }))).toMatchObject({
      reason: 'REFRESH_TOKEN_INVALID',
    });
    expect((await revoked(cursor)).ids).toEqual([callerOf(session).credentialId]);
  });

  it('ends nobody else: not the session of another person, not an API key', async () => {
    const [victim, other] = [await signUp(), await signUp()];
    await identity.client({ ...callerOf(other), credentialId: callerOf(victim).credentialId }).logOut({});
    await identity.client().refreshSession({ refreshToken: victim.refreshToken });
    const asKey = identity.client({ ...callerOf(victim), kind: 'api_key' });
    expect(await refusal(asKey.logOut({}))).toMatchObject({ reason: 'CALLER_KIND_REFUSED' });
  });
});

describe('ListSessions, RevokeSession and RevokeOtherSessions', () => {
  it('tell where a person is signed in, the latest used first, and which one asks', async () => {
    const email = newEmail();
    const session = await signUp(email);
    const client = identity.client(callerOf(session));
    const headers = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' };
    const other = await identity.client().logIn({ email, password }, { headers });
    const later = await identity.client().logIn({ email, password });
    // The database's clock says when a session was opened.
    identity.clock.now = Math.max(identity.clock.now, Date.now()) + 1_000;
    await identity.client().refreshSession({ refreshToken: session.refreshToken });
    const { sessions } = await client.listSessions({});
    expect(sessions.map(({ isCurrent }) => isCurrent)).toEqual([true, false, false]);
    expect(sessions.map((open) => open.client)).toContain('Firefox on Linux');
    expect(sessions.map(({ id }) => id)).toEqual([session, later, other].map((one) => callerOf(one).credentialId));
  });

  it('end one session, once, and no other', async () => {
    const email = newEmail();
    const session = await signUp(email);
    const client = identity.client(callerOf(session));
    const other = await identity.client().logIn({ email, password });
    const { credentialId: id } = callerOf(other);
    await client.revokeSession({ id });
    expect(await refusal(identity.client().refreshSession({ refreshToken: other.refreshToken }))).toMatchObject({
      reason: 'REFRESH_TOKEN_INVALID',
    });
    expect(await refusal(client.revokeSession({ id }))).toMatchObject({ reason: 'SESSION_NOT_FOUND' });
    expect((await client.listSessions({})).sessions).toHaveLength(1);
    await identity.client().refreshSession({ refreshToken: session.refreshToken });
  });

  /** Signs in without the cost of a password, some within one millisecond. */
  async function openSessions({ user, workspace }: Session, count: number): Promise<void> {
    const text = `insert into identity.sessions (user_id, workspace_id, expires_at, created_at)
      select $1, $2, now() + interval '1 year', now() - n * interval '400 microseconds' from generate_series(1, $3) n`;
    await identity.pool.query(text, [user?.id, workspace?.id, count]);
  }

  it('reach every session, page after page, each once', async () => {
    const session = await signUp();
    await openSessions(session, 250);
    const client = identity.client(callerOf(session));
    const seen: string[] = [];
    const sizes: number[] = [];
    let pageToken = '';
    do {
      const page = await client.listSessions({ pageToken, pageSize: 99 });
      sizes.push(page.sessions.length);
      seen.push(...page.sessions.map(({ id }) => id));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(sizes).toEqual([99, 99, 53]);
    expect(new Set(seen).size).toBe(251);
    const whole = await client.listSessions({ pageSize: 10_000 });
    expect([whole.sessions.map(({ id }) => id), whole.nextPageToken]).toEqual([seen, '']);
    expect((await client.listSessions({})).sessions).toHaveLength(100);
  });

  it('refuse a negative page and the token of another list', async () => {
    const [one, two] = [await signUp(), await signUp()];
    await openSessions(two, 1);
    const { nextPageToken } = await identity.client(callerOf(two)).listSessions({ pageSize: 1 });
    const client = identity.client(callerOf(one));
    expect(await refusal(client.listSessions({ pageSize: -1 }))).toMatchObject({ fields: ['page_size'] });
    for (const pageToken of [nextPageToken, 'nonsense'])
      expect(await refusal(client.listSessions({ pageToken }))).toMatchObject({ reason: 'PAGE_TOKEN_INVALID' });
  });

  it('end all others in one call, however many, and neither this one nor those of other people', async () => {
    const email = newEmail();
    const [session, stranger] = [await signUp(email), await signUp()];
    const other = await identity.client().logIn({ email, password });
    await openSessions(session, 2_100);
    const client = identity.client(callerOf(session));
    const { cursor } = await revoked();
    expect(await client.revokeOtherSessions({})).toMatchObject({ revokedCount: 2_101 });
    expect((await client.listSessions({})).sessions.map(({ isCurrent }) => isCurrent)).toEqual([true]);
    expect((await revoked(cursor)).ids).toContain(callerOf(other).credentialId);
    expect(await refusal(identity.client().refreshSession({ refreshToken: other.refreshToken }))).toMatchObject({
      reason: 'REFRESH_TOKEN_INVALID',
    });
    for (const { refreshToken } of [session, stranger]) await identity.client().refreshSession({ refreshToken });
    expect(await client.revokeOtherSessions({})).toMatchObject({ revokedCount: 0 });
  });

  it('let two who end each other go on without waiting for each other', async () => {
    const email = newEmail();
    const one = await signUp(email);
    await openSessions(one, 50);
    const two = await identity.client().logIn({ email, password });
    const ended = await Promise.all(
      [one, two].map((session) => identity.client(callerOf(session)).revokeOtherSessions({})),
    );
    const open = (await identity.client(callerOf(one)).listSessions({})).sessions.length;
    expect(ended.reduce((sum, { revokedCount }) => sum + revokedCount, 0) + open).toBe(52);
  });

  it('leave the sessions of others, and API keys, alone', async () => {
    const [one, two] = [await signUp(), await signUp()];
    const client = identity.client(callerOf(one));
    const { credentialId } = callerOf(two);
    for (const id of [credentialId, randomUUID(), 'nonsense'])
      expect(await refusal(client.revokeSession({ id }))).toMatchObject({ reason: 'SESSION_NOT_FOUND' });
    const key = identity.client(testPerson({ kind: 'api_key' }));
    expect(await refusal(key.listSessions({}))).toMatchObject({ reason: 'CALLER_KIND_REFUSED' });
    expect(await refusal(key.revokeOtherSessions({}))).toMatchObject({ reason: 'CALLER_KIND_REFUSED' });
    expect(await refusal(key.revokeSession({ id: credentialId }))).toMatchObject({ reason: 'CALLER_KIND_REFUSED' });
  });
});

describe('a session in a cookie', () => {
  const origin = new URL(testIssuer).origin;
  /** Calls as a page does; answers the session and what the browser was told to keep. */
  async function asPage<Answer>(
    call: (options: { headers: HeadersInit; onHeader(headers: Headers): void }) => Promise<Answer>,
    headers: HeadersInit = { origin },
  ): Promise<{ answer: Answer; cookie: string }> {
    let cookie = '';
    const onHeader = (answered: Headers): void => {
      cookie = answered.get('set-cookie') ?? '';
    };
    const answer = await call({ headers, onHeader });
    return { answer, cookie };
  }
  const signUpInCookie = () =>
    asPage((options) => identity.client().signUp({ email: newEmail(), password, useCookie: true }, options));
  const refreshed = (headers: HeadersInit) =>
    asPage((options) => identity.client().refreshSession({ useCookie: true }, options), headers);
  const sentBack = (cookie: string) => ({ origin, 'x-hop-cookie': `theme=dark; ${cookie.split(';', 1)[0]}` });

  it('is set for one call alone, by gRPC-Web and by REST, out of reach of scripts, and stands nowhere in the answer', async () => {
    const { answer, cookie } = await signUpInCookie();
    const cookies = cookie.split(', ');
    expect(new Set(cookies.map((each) => each.split(';', 1)[0])).size).toBe(1);
    expect(cookie).toMatch(/^hop_session=hopr_[\w-]{43}; /);
    const attributes = 'Max-Age=2592000; HttpOnly; SameSite=Strict';
    expect(cookies.map((each) => each.replace(/^.*?; /, ''))).toEqual([
      `Path=/hop.identity.v1.IdentityService/RefreshSession; ${attributes}`,
      `Path=/api/auth/refresh; ${attributes}`,
    ]);
    expect([answer.refreshToken, answer.token === '']).toEqual(['', false]);
    const logIn = { email: answer.user?.email ?? '', password, useCookie: true };
    expect((await asPage((options) => identity.client().logIn(logIn, options))).cookie).toContain('hop_session=hopr_');
  });

  it('is traded for the next, and cleared at the end', async () => {
    const first = await signUpInCookie();
    const second = await refreshed(sentBack(first.cookie));
    expect(second.answer.user?.id).toBe(first.answer.user?.id);
    expect(second.answer.refreshToken).toBe('');
    expect(second.cookie.split(';', 1)).not.toEqual(first.cookie.split(';', 1));
    const caller = identity.client(callerOf(second.answer));
    const out = await asPage((options) => caller.logOut({ useCookie: true }, options));
    expect(out.cookie).toMatch(/^hop_session=; .*Max-Age=0/);
    expect((await refusal(refreshed(sentBack(second.cookie)))).reason).toBe('REFRESH_TOKEN_INVALID');
  });

  it('is not there for who sends none, nor is it read where nobody asked for it', async () => {
    const { cookie } = await signUpInCookie();
    expect((await refusal(refreshed({ origin }))).reason).toBe('REFRESH_TOKEN_INVALID');
    const plain = identity.client().refreshSession({}, { headers: sentBack(cookie) });
    expect(await refusal(plain)).toMatchObject({ code: Code.InvalidArgument, fields: ['refresh_token'] });
  });

  it('is for pages of this installation alone', async () => {
    const { cookie } = await signUpInCookie();
    for (const foreign of ['https://elsewhere.example', 'null', `${origin}.example.com`, 'file://']) {
      const call = refreshed({ ...sentBack(cookie), origin: foreign });
      expect(await refusal(call)).toMatchObject({ code: Code.PermissionDenied, reason: 'ORIGIN_REFUSED' });
    }
    const foreign = { origin: 'https://elsewhere.example' };
    const [email, useCookie] = [newEmail(), true];
    const calls = [
      asPage((options) => identity.client().signUp({ email, password, useCookie }, options), foreign),
      asPage((options) => identity.client().logIn({ email, password, useCookie }, options), foreign),
    ];
    for (const call of calls) expect((await refusal(call)).reason).toBe('ORIGIN_REFUSED');
  });

  it('leaves clients that do not ask for it as they were', async () => {
    const { answer, cookie } = await asPage((options) =>
      identity.client().signUp({ email: newEmail(), password }, options),
    );
    expect([cookie, answer.refreshToken.startsWith('hopr_')]).toEqual(['', true]);
  });
});

describe('GetCurrentUser', () => {
  it('answers the caller with the workspace', async () => {
    const session = await signUp();
    const user = await identity.client(callerOf(session)).getCurrentUser({});
    expect(user).toMatchObject({ id: session.user?.id, name: 'Ada', workspace: { role: 'owner' } });
    const stranger = identity.client(testPerson());
    expect(await refusal(stranger.getCurrentUser({}))).toMatchObject({ reason: 'USER_NOT_FOUND' });
    expect(await refusal(identity.client().getCurrentUser({}))).toMatchObject({ reason: 'CREDENTIALS_MISSING' });
  });
});

describe('API keys', () => {
  it('shows the secret once, verifies it, notes its use to the minute, and revokes it', async () => {
    const caller = callerOf(await signUp());
    const client = identity.client(caller);
    const gateway = identity.client(testService('gateway-access'));
    const made = await client.createApiKey({ name: ' CI ', scopes: ['links:read', 'links:write', 'links:read'] });
    expect(made).toMatchObject({ name: 'CI', scopes: ['links:read', 'links:write'] });
    const { secret = '' } = made;
    expect(secret).toMatch(/^hop_[0-9A-Za-z]{38}$/);
    expect(secret.startsWith(made.prefix)).toBe(true);

    const verified = await gateway.verifyApiKey({ secret });
    expect(verified).toMatchObject({
      apiKeyId: made.id,
      userId: caller.userId,
      workspaceId: caller.workspaceId,
      role: 'owner',
      scopes: ['links:read', 'links:write'],
    });
    const listed = await waitFor(async () => (await client.listApiKeys({})).apiKeys.find((key) => key.lastUsedAt));
    expect(listed).toMatchObject({ id: made.id, prefix: made.prefix });
    expect(listed?.secret).toBeUndefined();
    expect(listed?.lastUsedAt && timestampDate(listed.lastUsedAt).getTime()).toBe(
      identity.clock.now - (identity.clock.now % 60_000),
    );

    const { cursor } = await revoked();
    await client.deleteApiKey({ id: made.id });
    expect((await revoked(cursor)).ids).toEqual([made.id]);
    expect(await refusal(gateway.verifyApiKey({ secret }))).toMatchObject({
      code: Code.Unauthenticated,
      reason: 'CREDENTIALS_INVALID',
    });
    expect((await client.listApiKeys({})).apiKeys).toEqual([]);
    expect(await refusal(client.deleteApiKey({ id: made.id }))).toMatchObject({ reason: 'API_KEY_NOT_FOUND' });
  });

  it('keeps keys out of reach of others', async () => {
    const owner = identity.client(callerOf(await signUp()));
    const other = identity.client(callerOf(await signUp()));
    const { id } = await owner.createApiKey({ name: 'mine', scopes: ['links:read'] });
    for (const wrong of [id, 'not-an-id', '../1'])
      expect(await refusal(other.deleteApiKey({ id: wrong }))).toMatchObject({ reason: 'API_KEY_NOT_FOUND' });
    expect((await other.listApiKeys({})).apiKeys).toEqual([]);
    expect((await owner.listApiKeys({})).apiKeys).toHaveLength(1);
  });

  it('refuses scopes that there are not or that the caller lacks, and an end in the past', async () => {
    const caller = callerOf(await signUp());
    const client = identity.client(caller);
    const past = timestampFromMs(identity.clock.now - 1);
    const call = client.createApiKey({ name: '  ', scopes: ['links:read', 'links:*'], expiresAt: past });
    expect(await refusal(call)).toEqual({
      code: Code.InvalidArgument,
      reason: 'INVALID_ARGUMENT',
      fields: ['scopes[1]', 'name', 'expires_at'],
    });
    const small = identity.client({ ...caller, kind: 'api_key', scopes: ['keys:write', 'links:read'] });
    expect(await refusal(small.createApiKey({ name: 'more', scopes: ['workspace:admin'] }))).toMatchObject({
      code: Code.PermissionDenied,
      reason: 'SCOPE_MISSING',
    });
    const none = identity.client({ ...caller, role: 'viewer', scopes: ['links:read'] });
    expect(await refusal(none.createApiKey({ name: 'no', scopes: ['links:read'] }))).toMatchObject({
      reason: 'ROLE_MISSING',
    });
  });

  it('refuses an end that RFC 3339 cannot write, however it is rounded', async () => {
    const client = identity.client(callerOf(await signUp()));
    const lastSecond = 253_402_300_799n;
    for (const expiresAt of [
      { seconds: lastSecond, nanos: 999_999_999 },
      { seconds: lastSecond + 1n, nanos: 0 },
      { seconds: 1_000_000_000_000n, nanos: 0 },
      { seconds: 9_000_000_000_000_000n, nanos: 0 },
    ]) {
      const call = client.createApiKey({ name: 'late', scopes: ['links:read'], expiresAt });
      expect(await refusal(call)).toMatchObject({ code: Code.InvalidArgument, fields: ['expires_at'] });
    }
    const expiresAt = { seconds: lastSecond, nanos: 999_000_000 };
    const made = await client.createApiKey({ name: 'last', scopes: ['links:read'], expiresAt });
    expect(made.expiresAt).toMatchObject(expiresAt);
  });

  it('refuses a key past its end, and cuts scopes to those of the role now held', async () => {
    const caller = callerOf(await signUp());
    const gateway = identity.client(testService('gateway-access'));
    const expiresAt = timestampFromMs(identity.clock.now + 60_000);
    const { secret = '' } = await identity
      .client(caller)
      .createApiKey({ name: 'k', scopes: [...scopesOf('owner')], expiresAt });
    await identity.pool.query("update identity.memberships set role = 'viewer' where user_id = $1", [caller.userId]);
    const verified = await gateway.verifyApiKey({ secret });
    expect(verified).toMatchObject({ role: 'viewer', scopes: ['links:read', 'stats:read'] });
    identity.clock.now += 60_000;
    expect(await refusal(gateway.verifyApiKey({ secret }))).toMatchObject({ reason: 'CREDENTIALS_EXPIRED' });
  });

  describe('made by another key', () => {
    async function parent(expiresAt?: Timestamp) {
      const caller = callerOf(await signUp());
      const person = identity.client(caller);
      const key = await person.createApiKey({ name: 'parent', scopes: ['keys:write', 'links:read'], expiresAt });
      const asKey = (id: string) =>
        identity.client({ ...caller, kind: 'api_key', credentialId: id, scopes: ['keys:write', 'links:read'] });
      return { person, key, asKey };
    }
    const child = { name: 'child', scopes: ['keys:write', 'links:read'] };

    it('end no later than it', async () => {
      const expiresAt = timestampFromMs(identity.clock.now + 60_000);
      const { key, asKey } = await parent(expiresAt);
      expect((await asKey(key.id).createApiKey(child)).expiresAt).toEqual(expiresAt);
      const later = timestampFromMs(identity.clock.now + 60_001);
      expect(await refusal(asKey(key.id).createApiKey({ ...child, expiresAt: later }))).toMatchObject({
        code: Code.InvalidArgument,
        fields: ['expires_at'],
      });
      const sooner = timestampFromMs(identity.clock.now + 30_000);
      expect((await asKey(key.id).createApiKey({ ...child, expiresAt: sooner })).expiresAt).toEqual(sooner);
    });

    it('are deleted with it, and theirs with them; no other key is', async () => {
      const { person, key, asKey } = await parent();
      const first = await asKey(key.id).createApiKey(child);
      const second = await asKey(first.id).createApiKey(child);
      const other = await person.createApiKey(child);
      const { cursor } = await revoked();
      await person.deleteApiKey({ id: key.id });
      expect((await revoked(cursor)).ids.toSorted()).toEqual([key.id, first.id, second.id].toSorted());
      expect((await person.listApiKeys({})).apiKeys.map(({ id }) => id)).toEqual([other.id]);
      const gateway = identity.client(testService('gateway-access'));
      expect(await refusal(gateway.verifyApiKey({ secret: second.secret ?? '' }))).toMatchObject({
        reason: 'CREDENTIALS_INVALID',
      });
      expect(await refusal(asKey(key.id).createApiKey(child))).toMatchObject({ reason: 'CREDENTIALS_INVALID' });
    });

    it('do not survive it, however many are made while it is deleted', async () => {
      const { person, key, asKey } = await parent();
      const made = Array.from({ length: 20 }, () => asKey(key.id).createApiKey(child));
      await Promise.all([Promise.allSettled(made), person.deleteApiKey({ id: key.id })]);
      expect((await person.listApiKeys({})).apiKeys).toEqual([]);
    });
  });

  it('are verified although their use cannot be noted', async () => {
    const client = identity.client(callerOf(await signUp()));
    const gateway = identity.client(testService('gateway-access'));
    const keys = await Promise.all(['a', 'b'].map((name) => client.createApiKey({ name, scopes: ['links:read'] })));
    const hanging = await identity.pool.connect();
    try {
      await hanging.query('begin');
      await hanging.query('select from identity.api_keys where id = any($1) for update', [keys.map(({ id }) => id)]);
      for (const { id, secret = '' } of keys) expect((await gateway.verifyApiKey({ secret })).apiKeyId).toBe(id);
      expect((await client.listApiKeys({})).apiKeys.map(({ lastUsedAt }) => lastUsedAt)).toEqual([
        undefined,
        undefined,
      ]);
    } finally {
      await hanging.query('rollback');
      hanging.release();
    }
    await waitFor(async () => (await client.listApiKeys({})).apiKeys.every(({ lastUsedAt }) => lastUsedAt));
  });

  it('allows 100 of one person, however many are made at once', async () => {
    const client = identity.client(callerOf(await signUp()));
    const make = (): Promise<unknown> => client.createApiKey({ name: 'k', scopes: ['links:read'] });
    const outcomes = await Promise.allSettled(Array.from({ length: 110 }, make));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(100);
    expect(await refusal(make())).toMatchObject({ code: Code.FailedPrecondition, reason: 'API_KEY_LIMIT_REACHED' });
    expect((await client.listApiKeys({})).apiKeys).toHaveLength(100);
  });
});

describe('internal calls', () => {
  it('are refused to persons and to nobody', async () => {
    for (const client of [identity.client(), identity.client(testPerson())]) {
      expect((await refusal(client.verifyApiKey({ secret: 'hop_' }))).reason).toMatch(/CALLER_/);
      expect((await refusal(client.listRevocations({}))).reason).toMatch(/CALLER_/);
    }
  });
});

it('says the password in no text of a request error', async () => {
  const error = await identity
    .client()
    .signUp(create(SignUpRequestSchema, { email: 'bad', password: 'hunter2-x' }))
    .catch((reason: unknown) => ConnectError.from(reason));
  expect(JSON.stringify(error)).not.toContain('hunter2');
});
