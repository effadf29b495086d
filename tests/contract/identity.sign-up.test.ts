import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concurrently } from '../support/concurrently.ts';
import { call } from '../support/http.ts';
import { email, expectSession, logIn, me, password, signUp } from './support/identity.ts';
import { expectBad, expectRefusal } from './support/refusals.ts';

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
