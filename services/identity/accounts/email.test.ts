import { expect, it } from 'vitest';
import { emailKey, parseEmail } from './email.ts';

it('takes addresses of every script and keeps them as they were given', () => {
  for (const given of [
    'a@example.com',
    "O'Hara+news@Sub.Example.co.uk",
    '用户@例子.广告',
    'jörg@bücher.example',
    `${'x'.repeat(64)}@example.com`,
  ])
    expect(parseEmail(given)).toMatchObject({ given });
});

it('refuses what is no address', () => {
  for (const given of [
    '',
    'plain',
    '@example.com',
    'a@',
    'a@b',
    'a@@example.com',
    'a b@example.com',
    ' a@example.com',
    'a@example.com\n',
    '.a@example.com',
    'a..b@example.com',
    'a@example..com',
    'a@-example.com',
    'a@[127.0.0.1]',
    'a@127.0.0.1',
    'a@example.com/x',
    'a@exam_ple.com',
    '"a b"@example.com',
    'a\u202e@example.com',
    'a\u0000@example.com',
    `${'x'.repeat(65)}@example.com`,
    `a@${'x.'.repeat(130)}com`,
    'x'.repeat(100_000),
  ])
    expect(parseEmail(given), given.slice(0, 40)).toMatchObject({ field: 'email' });
});

it('compares without case, width, composition and spelling of the domain', () => {
  const key = emailKey('Jörg@Bücher.example');
  for (const same of [
    'jörg@bücher.example',
    'JO\u0308RG@BÜCHER.EXAMPLE',
    'Ｊörg@bücher.example',
    'jörg@xn--bcher-kva.example',
  ])
    expect(emailKey(same)).toBe(key);
  expect(emailKey('jorg@bücher.example')).not.toBe(key);
});
