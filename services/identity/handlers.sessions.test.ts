import { randomUUID } from 'node:crypto';
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import type { Session } from '#gen/identity/v1/user_pb.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { startMetrics } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { testPerson } from '#runtime/testing/keys.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import type { IdentityStore } from './store.ts';
import { startSweeper } from './sweeper.ts';
import {
  callerOf,
  newEmail,
  password,
  refusal,
  revoked,
  signUp,
  testGraceMs,
  testIssuer,
  useTestIdentity,
} from './testing/test-identity.ts';

const identity = useTestIdentity();

describe('RefreshSession', () => {
  const refresh = (refreshToken: string): Promise<Session> => identity.client().refreshSession({ refreshToken });

  it('answers the same successor within the grace, and one to all who ask at once', async () => {
    const { refreshToken } = await signUp(identity);
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
    const { refreshToken } = await signUp(identity);
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
    const first = await signUp(identity);
    const second = await refresh(first.refreshToken);
    const third = await refresh(second.refreshToken);
    const { cursor } = await revoked(identity);
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
    expect((await revoked(identity, cursor)).ids).toEqual([callerOf(first).credentialId]);
  });

  it('refuses an ended, an unknown and a malformed token', async () => {
    const { refreshToken } = await signUp(identity);
    identity.clock.now += 31 * 86_400_000;
    for (const token of [refreshToken, `hopr_${'A'.repeat(43)}`, 'x', `${refreshToken} `]) {
      expect(await refusal(refresh(token))).toMatchObject({
        code: Code.Unauthenticated,
        reason: 'REFRESH_TOKEN_INVALID',
      });
    }
  });

  it('keeps the session across refreshes, and stores no token', async () => {
    const first = await signUp(identity);
    const second = await refresh(first.refreshToken);
    expect(callerOf(second).credentialId).toBe(callerOf(first).credentialId);
    const { rows } = await identity.pool.query('select t::text as row from identity.refresh_tokens t');
    expect(JSON.stringify(rows)).not.toContain(first.refreshToken.slice(5));
  });
});

describe('LogOut', () => {
  it('voids the refresh token at once and tells that the session is revoked, once', async () => {
    const session = await signUp(identity);
    const { cursor } = await revoked(identity);
    const client = identity.client(callerOf(session));
    await client.logOut({});
    await client.logOut({});
    expect(await refusal(identity.client().refreshSession({ refreshToken: session.refreshToken }))).toMatchObject({
      reason: 'REFRESH_TOKEN_INVALID',
    });
    expect((await revoked(identity, cursor)).ids).toEqual([callerOf(session).credentialId]);
  });

  it('ends nobody else: not the session of another person, not an API key', async () => {
    const [victim, other] = [await signUp(identity), await signUp(identity)];
    await identity.client({ ...callerOf(other), credentialId: callerOf(victim).credentialId }).logOut({});
    await identity.client().refreshSession({ refreshToken: victim.refreshToken });
    const asKey = identity.client({ ...callerOf(victim), kind: 'api_key' });
    expect(await refusal(asKey.logOut({}))).toMatchObject({ reason: 'CALLER_KIND_REFUSED' });
  });
});

describe('ListSessions, RevokeSession and RevokeOtherSessions', () => {
  it('tell where a person is signed in, the latest used first, and which one asks', async () => {
    const email = newEmail();
    const session = await signUp(identity, email);
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
    const session = await signUp(identity, email);
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
    const session = await signUp(identity);
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
    const [one, two] = [await signUp(identity), await signUp(identity)];
    await openSessions(two, 1);
    const { nextPageToken } = await identity.client(callerOf(two)).listSessions({ pageSize: 1 });
    const client = identity.client(callerOf(one));
    expect(await refusal(client.listSessions({ pageSize: -1 }))).toMatchObject({ fields: ['page_size'] });
    for (const pageToken of [nextPageToken, 'nonsense'])
      expect(await refusal(client.listSessions({ pageToken }))).toMatchObject({ reason: 'PAGE_TOKEN_INVALID' });
  });

  it('end all others in one call, however many, and neither this one nor those of other people', async () => {
    const email = newEmail();
    const [session, stranger] = [await signUp(identity, email), await signUp(identity)];
    const other = await identity.client().logIn({ email, password });
    await openSessions(session, 2_100);
    const client = identity.client(callerOf(session));
    const { cursor } = await revoked(identity);
    expect(await client.revokeOtherSessions({})).toMatchObject({ revokedCount: 2_101 });
    expect((await client.listSessions({})).sessions.map(({ isCurrent }) => isCurrent)).toEqual([true]);
    expect((await revoked(identity, cursor)).ids).toContain(callerOf(other).credentialId);
    expect(await refusal(identity.client().refreshSession({ refreshToken: other.refreshToken }))).toMatchObject({
      reason: 'REFRESH_TOKEN_INVALID',
    });
    for (const { refreshToken } of [session, stranger]) await identity.client().refreshSession({ refreshToken });
    expect(await client.revokeOtherSessions({})).toMatchObject({ revokedCount: 0 });
  });

  it('let two who end each other go on without waiting for each other', async () => {
    const email = newEmail();
    const one = await signUp(identity, email);
    await openSessions(one, 50);
    const two = await identity.client().logIn({ email, password });
    const ended = await Promise.all(
      [one, two].map((session) => identity.client(callerOf(session)).revokeOtherSessions({})),
    );
    const open = (await identity.client(callerOf(one)).listSessions({})).sessions.length;
    expect(ended.reduce((sum, { revokedCount }) => sum + revokedCount, 0) + open).toBe(52);
  });

  it('leave the sessions of others, and API keys, alone', async () => {
    const [one, two] = [await signUp(identity), await signUp(identity)];
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
