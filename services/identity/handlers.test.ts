import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { SignUpRequestSchema } from '#gen/identity/v1/identity_service_pb.ts';
import { ErrorInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { testPerson } from '#runtime/testing/keys.ts';
import { callerOf, newEmail, password, refusal, signUp, useTestIdentity } from './testing/test-identity.ts';

const identity = useTestIdentity();

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
    await signUp(identity, 'Zoe.Café@Example.com');
    for (const email of ['zoe.café@example.COM', 'ZOE.CAFE\u0301@example.com', 'Ｚｏｅ.café@example.com']) {
      expect(await refusal(signUp(identity, email))).toMatchObject({ code: Code.AlreadyExists, reason: 'EMAIL_TAKEN' });
    }
  });

  it('lets one of many concurrent twins through', async () => {
    const email = newEmail();
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => signUp(identity, email)));
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
    const made = await signUp(identity, 'Mixed.Case@example.com');
    const session = await identity.client().logIn({ email: 'mixed.case@EXAMPLE.com', password });
    expect(session.user).toEqual(made.user);
    expect(session.workspace).toEqual(made.workspace);
    expect(session.refreshToken).not.toBe(made.refreshToken);
  });

  it('refuses a wrong password, an unknown email and what is no email alike', async () => {
    const email = newEmail();
    await signUp(identity, email);
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

describe('GetCurrentUser', () => {
  it('answers the caller with the workspace', async () => {
    const session = await signUp(identity);
    const user = await identity.client(callerOf(session)).getCurrentUser({});
    expect(user).toMatchObject({ id: session.user?.id, name: 'Ada', workspace: { role: 'owner' } });
    const stranger = identity.client(testPerson());
    expect(await refusal(stranger.getCurrentUser({}))).toMatchObject({ reason: 'USER_NOT_FOUND' });
    expect(await refusal(identity.client().getCurrentUser({}))).toMatchObject({ reason: 'CREDENTIALS_MISSING' });
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
