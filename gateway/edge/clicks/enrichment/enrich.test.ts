import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ClickFlag, Tier } from '#gen/event/v1/click_pb.ts';
import type { ClickLine } from '../parse.ts';
import { createEnricher, isPrefetch, primaryLanguage, referrerHost, visitorOf } from './enrich.ts';
import { nowhere } from './geo.ts';
import { createAgentReader } from './user-agent.ts';

const day = 20_400;
const line: ClickLine = {
  atUs: (day * 86_400 + 5) * 1_000_000,
  requestId: '5f8a1c7e0b1d4e2f9a3b4c5d6e7f8091',
  method: 'GET',
  status: 302,
  link: {
    linkId: '0192f0c1-2222-7333-8444-555566667777',
    workspaceId: '0192f0c1-aaaa-7bbb-8ccc-ddddeeeeffff',
    linkVersion: 42n,
    tier: Tier.L1,
    domain: 'localhost',
    code: 'abc',
  },
  path: '/abc',
  referrer: 'https://News.Example:8443/a',
  userAgent:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
  acceptLanguage: 'de-CH,de;q=0.9',
  secPurpose: '',
  doNotTrack: false,
  address: '192.0.2.7',
  traceparent: '',
};
const salt = '07'.repeat(32);
const london = { country: 'GB', region: 'England', city: 'London' };
const enrich = createEnricher(
  (wanted) => (wanted === day ? salt : undefined),
  (address) => (address === line.address ? london : nowhere),
);

test('says what is known, and nothing of the address', () => {
  const click = enrich(line);
  expect(click).toMatchObject({
    flags: 0,
    referrerHost: 'news.example',
    agent: { device: 'mobile', browser: 'Safari', operatingSystem: 'iOS' },
    language: 'de',
    place: london,
  });
  const shown = JSON.stringify(click, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  expect(shown).not.toContain(line.address);
  expect(shown).not.toContain('AppleWebKit');
});

describe('the visitor', () => {
  test('is the same for the same address, user agent, workspace and day, and differs when one of them does', () => {
    const visitor = enrich(line).visitor;
    expect(visitor).not.toBe(0n);
    const other = { ...line.link, linkId: '0192f0c1-2222-7333-8444-555566667778' };
    expect(enrich({ ...line, link: other, acceptLanguage: '' }).visitor).toBe(visitor);
    expect(enrich({ ...line, address: '192.0.2.8' }).visitor).not.toBe(visitor);
    expect(enrich({ ...line, userAgent: 'curl/8' }).visitor).not.toBe(visitor);
    const elsewhere = { ...line.link, workspaceId: '0192f0c1-aaaa-7bbb-8ccc-ddddeeeefffe' };
    expect(enrich({ ...line, link: elsewhere }).visitor).not.toBe(visitor);
    expect(visitorOf(line, '08'.repeat(32))).not.toBe(visitor);
  });

  test('is the first eight bytes of the SHA-256, little end first: a count begun by another version goes on', () => {
    const digest = createHash('sha256').update([salt, line.link.workspaceId, line.address, line.userAgent].join('\0'));
    expect(visitorOf(line, salt)).toBe(digest.digest().readBigUInt64LE(0));
  });

  test('is not known without a salt, without an address, or when the client asks for it', () => {
    expect(enrich({ ...line, atUs: line.atUs + 86_400_000_000 }).visitor).toBe(0n);
    expect(enrich({ ...line, address: '' }).visitor).toBe(0n);
    expect(enrich({ ...line, doNotTrack: true })).toMatchObject({ visitor: 0n, flags: ClickFlag.DO_NOT_TRACK });
  });
});

test('who asks not to be tracked is in a country, and in no region or city', () => {
  expect(enrich({ ...line, doNotTrack: true })).toMatchObject({ place: { country: 'GB', region: '', city: '' } });
  expect(enrich({ ...line, address: '' })).toMatchObject({ place: nowhere });
});

test('flags add up', () => {
  const flags = enrich({ ...line, method: 'HEAD', secPurpose: 'prefetch;prerender', userAgent: 'Googlebot/2.1' }).flags;
  expect(flags).toBe(ClickFlag.HEAD + ClickFlag.PREFETCH + ClickFlag.BOT);
});

test.each([
  ['https://user:pw@Example.COM./x', 'example.com'],
  ['http://[2001:db8::1]:8080/', '[2001:db8::1]'],
  ['android-app://com.example.reader/', 'com.example.reader'],
  ['https://münchen.example', 'münchen.example'],
  ['javascript:alert(1)', ''],
  ['about:blank', ''],
  ['https://', ''],
  ['https:// /', ''],
  [`https://${'a'.repeat(300)}/`, ''],
  ['', ''],
])('the host of the referrer %s is %s', (referrer, host) => {
  expect(referrerHost(referrer)).toBe(host);
});

test.each([
  ['en-US,en;q=0.9', 'en'],
  ['DE', 'de'],
  ['gsw;q=1', 'gsw'],
  ['*', ''],
  ['x-klingon', ''],
  ['english', ''],
  ['', ''],
])('the language of %s is %s', (accepted, language) => {
  expect(primaryLanguage(accepted)).toBe(language);
});

test.each([
  ['prefetch', true],
  ['prefetch;anonymous-client-ip', true],
  ['prerender', true],
  ['preview', true],
  ['', false],
  ['user', false],
])('Sec-Purpose %s: ahead of the person %s', (purpose, ahead) => {
  expect(isPrefetch(purpose)).toBe(ahead);
});

describe('user agents', () => {
  const read = createAgentReader(100);

  test.each([
    ['Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)', true],
    ['facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)', true],
    ['Mozilla/5.0 (compatible; Something/1.0; +https://something.example)', true],
    ['WhatsApp/2.23.20.0 A', true],
    [
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36',
      true,
    ],
    ['Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0', false],
    ['curl/8.5.0', false],
    ['Wget/1.21.3', false],
    ['python-requests/2.32.3', false],
    ['node', false],
    ['Java/17.0.2', false],
    ['PostmanRuntime/7.39.0', false],
    ['my-script 7', false],
    ['', false],
  ])('%s is a bot: %s', (userAgent, bot) => {
    const agent = read(userAgent);
    expect([agent.bot, agent.device === 'bot']).toEqual([bot, bot]);
  });

  test('names come from fixed lists, whatever a user agent says', () => {
    const parts = [
      'Mozilla/5.0 ',
      '(',
      ')',
      'Android',
      ' 14;',
      'Safari/',
      'Version/',
      'x',
      '9',
      '<b>',
      '\\',
      ' ',
      'Tablet',
      'é',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 12 }), (pieces) => {
        const { browser, operatingSystem } = read(pieces.join(''));
        expect(browser + operatingSystem).not.toMatch(/[<\\é]/);
      }),
    );
  });
});
