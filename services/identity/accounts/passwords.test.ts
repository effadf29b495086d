import { describe, expect, it } from 'vitest';
import { createHashingQueue } from './hashing-queue.ts';
import { createPasswords, passwordFault as faultOf } from './passwords.ts';

const email = 'someone@example.com';
const passwordFault = (password: string, of: string) => faultOf('password', password, of);

describe('a chosen password', () => {
  it('has 10 to 256 code points', () => {
    expect(passwordFault('rain🌧rain🌧', email)).toBeUndefined();
    expect(passwordFault('rain🌧rain', email)).toMatchObject({ field: 'password', common: false });
    expect(passwordFault('🌧'.repeat(256), email)).toBeUndefined();
    expect(passwordFault('🌧'.repeat(257), email)).toBeDefined();
    expect(passwordFault('x'.repeat(1_000_000), email)).toBeDefined();
  });

  const runs = [
    '0000000000',
    '1111111111',
    '0123456789',
    '9876543210',
    '7890123456',
    '12345678901234567',
    '３３３３３３３３３３',
  ];
  it('is neither common nor the email, in any case', () => {
    for (const common of ['password123', '1234567890', 'QwertyUiop', 'Someone@Example.com', ...runs])
      expect(passwordFault(common, email)).toMatchObject({ common: true });
    expect(passwordFault('correct horse battery staple', email)).toBeUndefined();
  });
});

describe('a hash', () => {
  it('is Argon2id with 19 MiB, two passes, one lane, and a salt of its own', async () => {
    const passwords = await createPasswords(createHashingQueue({ concurrency: 1, limit: 10 }));
    const [one, two] = [await passwords.hash('the same text'), await passwords.hash('the same text')];
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(one).not.toBe(two);
    expect(passwords.isDated(one)).toBe(false);
    expect(await passwords.matches('the same text', one)).toBe(true);
    expect(await passwords.matches('another text', one)).toBe(false);
    expect(await passwords.matches('the same text', undefined)).toBe(false);
  });

  it('does not depend on how a character is composed', async () => {
    const passwords = await createPasswords(createHashingQueue({ concurrency: 1, limit: 10 }));
    const hashed = await passwords.hash('caf\u00e9 au lait');
    expect(await passwords.matches('cafe\u0301 au lait', hashed)).toBe(true);
  });
});
