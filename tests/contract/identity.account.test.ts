import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { call } from '../support/http.ts';
import { newKey, newPerson, type Person } from '../support/people.ts';
import { email, expectSignedOut, holds, logIn, me, password, refresh } from './support/identity.ts';
import { expectBad, expectRefusal } from './support/refusals.ts';

let ada: Person;
beforeAll(async () => {
  ada = await newPerson();
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
    const { secret } = await newKey(ada, ['keys:write']);
    expectRefusal(await update(secret, { name: 'K' }), 403, 'CALLER_KIND_REFUSED');
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
    const { secret } = await newKey(ada, ['keys:write']);
    expectRefusal(await change(secret, ada.password, password()), 403, 'CALLER_KIND_REFUSED');
  });
});

describe('POST /api/v1/users/me:delete', () => {
  const remove = (token: string, current_password: string) =>
    call('/api/v1/users/me:delete', { token, body: { current_password } });

  it('ends the account: passwords and refresh tokens at once, access tokens and API keys within 5 s; the email is free', async () => {
    const person = await newPerson();
    const key = await newKey(person, ['links:read']);
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
    const { secret } = await newKey(ada, ['keys:write']);
    expectRefusal(await remove(secret, ada.password), 403, 'CALLER_KIND_REFUSED');
  });
});
