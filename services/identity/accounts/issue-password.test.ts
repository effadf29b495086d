import { expect, it } from 'vitest';
import { newPerson, password, refusal, revoked, useTestIdentity } from '../testing/test-identity.ts';
import { emailKey } from './email.ts';
import { createHashingQueue } from './hashing-queue.ts';
import { issuePassword } from './issue-password.ts';
import { createPasswords } from './passwords.ts';

const identity = useTestIdentity({ loginFreeFailures: 3 });
const passwords = await createPasswords(createHashingQueue({ concurrency: 1, limit: 1 }));
const now = () => new Date();

const issue = (email: string, store = identity.store) =>
  issuePassword({ store, passwords, now }, emailKey(email) ?? expect.fail(email));
const logIn = (email: string, tried: string) => identity.client().logIn({ email, password: tried });

it('lets the person in with the new password alone, and ends every session', async () => {
  const { email, caller, session } = await newPerson(identity);
  const { credentialId } = await newPerson(identity).then((other) => other.caller);
  await logIn(email, password);
  const { cursor } = await revoked(identity);
  const issued = await issue(email);
  expect(issued).toMatchObject({ userId: caller.userId, endedSessions: 2 });
  expect(issued?.password).toMatch(/^[a-z2-9]{5}(-[a-z2-9]{5}){3}$/);
  const { ids } = await revoked(identity, cursor);
  expect(ids).toContain(caller.credentialId);
  expect(ids).not.toContain(credentialId);
  const { refreshToken } = session;
  expect(await refusal(identity.client().refreshSession({ refreshToken }))).toMatchObject({
    reason: 'REFRESH_TOKEN_INVALID',
  });
  expect(await refusal(logIn(email, password))).toMatchObject({ reason: 'LOGIN_FAILED' });
  await logIn(email, issued?.password ?? '');
});

it('forgets failed log-ins, which would keep the person out', async () => {
  const { email, caller } = await newPerson(identity);
  for (let failure = 0; failure < 3; failure++) await refusal(logIn(email, 'a guess at it'));
  await issue(email);
  expect((await identity.store.findPassword(caller.userId, new Date(0)))?.failures).toBe(0);
});

it('takes the place of a password that changes at the same moment', async () => {
  const { email, caller } = await newPerson(identity);
  let changes = 0;
  const store: typeof identity.store = {
    ...identity.store,
    async findLogin(key, since) {
      const record = await identity.store.findLogin(key, since);
      if (changes++ === 0)
        await identity
          .client(caller)
          .changePassword({ currentPassword: password, newPassword: 'a short ride in the snow' });
      return record;
    },
  };
  const issued = await issue(email, store);
  await logIn(email, issued?.password ?? '');
});

it('issues none for an email that nobody has', async () => {
  expect(await issue('nobody@example.com')).toBeUndefined();
});
