import { randomUUID } from 'node:crypto';
import { Code, ConnectError } from '@connectrpc/connect';
import { hash, verify } from '@node-rs/argon2';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Session } from '#gen/identity/v1/user_pb.ts';
import { startMetrics } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { testService } from '#runtime/testing/keys.ts';
import { callerOf, newPerson, password, refusal, type Signed, useTestIdentity } from '../testing/test-identity.ts';
import type { Argon2 } from './passwords.ts';

const newPassword = 'a short ride in the snow';
const work = { hashes: 0, verifications: 0 };
/** Set by a test that wants something to happen while a password is checked. */
let whileChecking: (() => Promise<unknown>) | undefined;
const counting: Argon2 = {
  hash: (text, options) => {
    work.hashes += 1;
    return hash(text, options);
  },
  verify: async (hashed, text) => {
    work.verifications += 1;
    const meanwhile = whileChecking;
    whileChecking = undefined;
    const same = await verify(hashed, text);
    await meanwhile?.();
    return same;
  },
};
const identity = useTestIdentity({ argon2: counting, loginFreeFailures: 3 });
beforeEach(() => Object.assign(work, { hashes: 0, verifications: 0 }));

const signUp = (): Promise<Signed> => newPerson(identity);

const logIn = (email: string, tried: string): Promise<Session> => identity.client().logIn({ email, password: tried });
const change = ({ caller }: Signed, currentPassword = password, next = newPassword) =>
  identity.client(caller).changePassword({ currentPassword, newPassword: next });

const wrong = { code: Code.InvalidArgument, reason: 'CURRENT_PASSWORD_WRONG', fields: ['current_password'] };

async function failuresOf({ caller }: Signed): Promise<number | undefined> {
  return (await identity.store.findPassword(caller.userId, new Date(0)))?.failures;
}

describe('ChangePassword', () => {
  it('takes the new password in place of the old, ends all other sessions and tells so, and goes on with this one', async () => {
    const person = await signUp();
    const others = [await logIn(person.email, password), await logIn(person.email, password)];
    const gateway = identity.client(testService('gateway-access'));
    const { cursor } = await gateway.listRevocations({});
    expect((await change(person)).revokedCount).toBe(2);
    expect((await gateway.listRevocations({ cursor })).credentialIds.toSorted()).toEqual(
      others.map((session) => callerOf(session).credentialId).toSorted(),
    );
    for (const { refreshToken } of others)
      expect(await refusal(identity.client().refreshSession({ refreshToken }))).toMatchObject({
        reason: 'REFRESH_TOKEN_INVALID',
      });
    await identity.client().refreshSession({ refreshToken: person.session.refreshToken });
    expect(await refusal(logIn(person.email, password))).toMatchObject({ reason: 'LOGIN_FAILED' });
    await logIn(person.email, newPassword);
  });

  it('leaves API keys and everybody else alone', async () => {
    const [person, other] = [await signUp(), await signUp()];
    const { secret = '' } = await identity.client(person.caller).createApiKey({ name: 'k', scopes: ['links:read'] });
    await change(person);
    await identity.client(testService('gateway-access')).verifyApiKey({ secret });
    await identity.client().refreshSession({ refreshToken: other.session.refreshToken });
    await logIn(other.email, password);
  });

  it('refuses a wrong current password by its field, after one hash as a log-in does, and changes nothing', async () => {
    const person = await signUp();
    const other = await logIn(person.email, password);
    Object.assign(work, { hashes: 0, verifications: 0 });
    expect(await refusal(change(person, 'not the password'))).toEqual(wrong);
    expect(work).toEqual({ hashes: 0, verifications: 1 });
    expect(await refusal(change(person, ''))).toMatchObject({
      reason: 'INVALID_ARGUMENT',
      fields: ['current_password'],
    });
    await identity.client().refreshSession({ refreshToken: other.refreshToken });
    await logIn(person.email, password);
  });

  it('refuses a new password by the rules of sign-up and the current one, before any hash', async () => {
    const person = await signUp();
    Object.assign(work, { hashes: 0, verifications: 0 });
    const refused = { code: Code.InvalidArgument, reason: 'INVALID_ARGUMENT', fields: ['new_password'] };
    for (const next of ['', 'ninechars', 'x1'.repeat(129), password])
      expect(await refusal(change(person, password, next))).toEqual(refused);
    for (const next of ['Password123', person.email.toUpperCase()])
      expect(await refusal(change(person, password, next))).toEqual({ ...refused, reason: 'PASSWORD_TOO_COMMON' });
    expect(work).toEqual({ hashes: 0, verifications: 0 });
  });

  it('counts wrong ones with the failed log-ins of the account, and slows both', async () => {
    const person = await signUp();
    expect(await refusal(logIn(person.email, 'not the password'))).toMatchObject({ reason: 'LOGIN_FAILED' });
    for (let failure = 0; failure < 2; failure++) expect(await refusal(change(person, 'not it'))).toEqual(wrong);
    expect(await failuresOf(person)).toBe(3);
    const calls = Array.from({ length: 12 }, () => change(person, 'not it'));
    const reasons = (await Promise.all(calls.map(refusal))).map(({ reason }) => reason);
    expect(new Set(reasons)).toEqual(new Set(['CURRENT_PASSWORD_WRONG', 'RATE_LIMITED']));
    const before = performance.now();
    await change(person);
    expect(performance.now() - before).toBeGreaterThan(95);
    expect(await failuresOf(person)).toBe(0);
  });

  it('answers as done what the same session says again, and takes nobody else for it', async () => {
    const person = await signUp();
    await change(person);
    expect((await change(person)).revokedCount).toBe(0);
    const other = await logIn(person.email, newPassword);
    expect(await refusal(change({ ...person, caller: callerOf(other) }))).toEqual(wrong);
    expect(await refusal(change(person, password, 'another one altogether'))).toEqual(wrong);
  });

  it('is made once where it is asked for twice at once: twins agree, and of two sessions one wins', async () => {
    const person = await signUp();
    const twins = await Promise.all([change(person), change(person), change(person)]);
    expect(twins.map(({ revokedCount }) => revokedCount)).toEqual([0, 0, 0]);
    const other = { ...person, caller: callerOf(await logIn(person.email, newPassword)) };
    const [one, two] = ['one password of two', 'two passwords of two'];
    const outcomes = await Promise.allSettled([change(person, newPassword, one), change(other, newPassword, two)]);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    await logIn(person.email, outcomes[0].status === 'fulfilled' ? one : two);
  });

  it('leaves no session to a log-in that was checking the old password meanwhile', async () => {
    const person = await signUp();
    whileChecking = () => change(person);
    expect(await refusal(logIn(person.email, password))).toMatchObject({
      code: Code.Unauthenticated,
      reason: 'LOGIN_FAILED',
    });
    const { sessions } = await identity.client(person.caller).listSessions({});
    expect(sessions.map(({ id }) => id)).toEqual([person.caller.credentialId]);
  });

  it('is for people: an API key is refused', async () => {
    const person = await signUp();
    const key = { ...person, caller: { ...person.caller, kind: 'api_key' as const } };
    const refused = { code: Code.PermissionDenied, reason: 'CALLER_KIND_REFUSED', fields: [] };
    expect(await refusal(change(key))).toEqual(refused);
    expect(await refusal(identity.client(key.caller).updateCurrentUser({ name: 'K' }))).toEqual(refused);
    expect(await refusal(change({ ...person, caller: { ...person.caller, userId: randomUUID() } }))).toMatchObject({
      reason: 'USER_NOT_FOUND',
    });
  });

  it('is counted, and says no password in an error', async () => {
    const person = await signUp();
    const metrics = await startMetrics({ instance: 'identity', metricsAddress: { host: '127.0.0.1', port: 0 } });
    const error = await change(person, 'hunter2 hunter2').catch((reason: unknown) => ConnectError.from(reason));
    expect(JSON.stringify(error)).not.toMatch(/hunter2|snow/);
    await change(person);
    expect((await metrics.read()).sum(metric.passwordsConfirmed)).toBe(2);
    await metrics.stop();
  });
});

describe('UpdateCurrentUser', () => {
  const update = ({ caller }: Signed, fields: { name?: string; email?: string; currentPassword?: string }) =>
    identity.client(caller).updateCurrentUser(fields);

  it('changes what the request has: the name alone, to nothing, or nothing at all', async () => {
    const person = await signUp();
    const { email } = person;
    expect(await update(person, { name: ' Ada Lovelace ' })).toMatchObject({
      id: person.caller.userId,
      name: 'Ada Lovelace',
      email,
      workspace: { role: 'owner' },
    });
    expect(await update(person, {})).toMatchObject({ name: 'Ada Lovelace', email });
    expect(await update(person, { name: '' })).toMatchObject({ name: '', email });
    expect(await identity.client(person.caller).getCurrentUser({})).toMatchObject({ name: '', email });
    expect(work.verifications).toBe(0);
  });

  it('changes the email with the current password, also by its case alone; the old one is free then', async () => {
    const person = await signUp();
    const email = `Countess.${randomUUID()}@example.com`;
    expect(await update(person, { email, currentPassword: password })).toMatchObject({ email, name: 'Ada' });
    expect((await logIn(email.toUpperCase(), password)).user).toMatchObject({ id: person.caller.userId, email });
    expect(await refusal(logIn(person.email, password))).toMatchObject({ reason: 'LOGIN_FAILED' });
    const lower = email.toLowerCase();
    expect(await update(person, { email: lower, currentPassword: password })).toMatchObject({ email: lower });
    await identity.client().signUp({ email: person.email, password });
  });

  it('refuses an email that somebody has in any case, and leaves the name as it was', async () => {
    const [person, other] = [await signUp(), await signUp()];
    const taken = { name: 'Eve', email: other.email.toUpperCase(), currentPassword: password };
    expect(await refusal(update(person, taken))).toMatchObject({ code: Code.AlreadyExists, reason: 'EMAIL_TAKEN' });
    expect(await identity.client(person.caller).getCurrentUser({})).toMatchObject({ name: 'Ada', email: person.email });
  });

  it('refuses a change of the email without the right password, which counts as a failed log-in', async () => {
    const person = await signUp();
    const email = 'countess@example.com';
    expect(await refusal(update(person, { email }))).toMatchObject({
      reason: 'INVALID_ARGUMENT',
      fields: ['current_password'],
    });
    expect(await refusal(update(person, { email, currentPassword: 'not it' }))).toEqual(wrong);
    expect(await failuresOf(person)).toBe(1);
    whileChecking = () => change(person);
    expect(await refusal(update(person, { email, currentPassword: password }))).toEqual(wrong);
    expect(await identity.client(person.caller).getCurrentUser({})).toMatchObject({ email: person.email });
  });

  it('names every field that is wrong at once', async () => {
    const person = await signUp();
    expect(await refusal(update(person, { name: 'A\u0000da', email: 'nobody' }))).toEqual({
      code: Code.InvalidArgument,
      reason: 'INVALID_ARGUMENT',
      fields: ['name', 'email', 'current_password'],
    });
    expect(await refusal(update(person, { name: 'x'.repeat(129) }))).toMatchObject({ fields: ['name'] });
  });
});
