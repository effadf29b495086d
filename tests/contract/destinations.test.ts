import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Answer, call, fieldsOf } from '../support/http.ts';
import { newLink } from '../support/people.ts';
import { labelled, useDestinations } from './support/destinations.ts';
import { expectRefusal } from './support/refusals.ts';

const on = useDestinations();
const { create, expectRefusedTwice } = on;

describe('http and https only, an absolute URL with a host', () => {
  it.each(
    labelled([
      ' ',
      'example.org',
      '/path',
      '//example.org/',
      'https:',
      'https:/',
      'https://',
      'https:///',
      'https://?q',
      'https://#f',
      'https://:443/',
      'http:example.org',
      'http:/example.org',
      'https:\\\\example.org\\',
      'https:/\\example.org',
      'javascript:alert(1)',
      'JaVaScRiPt:alert(1)',
      'java\tscript:alert(1)',
      ' javascript:alert(1)',
      '\u0001javascript:alert(1)',
      'data:text/html,<script>alert(1)</script>',
      'vbscript:msgbox(1)',
      'file:///etc/passwd',
      'ftp://example.org/',
      'ftps://example.org/',
      'ws://example.org/',
      'mailto:ada@example.org',
      'tel:+123',
      'sms:+123',
      'about:blank',
      'blob:https://example.org/x',
      'view-source:https://example.org/',
      'intent://example.org/#Intent;scheme=https;end',
      'chrome://settings',
      'gopher://example.org/',
      'jar:https://example.org!/',
      'feed:https://example.org/',
      'http+unix://%2Ftmp%2Fsock/',
      'https://exa mple.org/',
      'https://exam<ple.org/',
      '\u00a0https://example.org/',
      '\u3000https://example.org/',
      'https://example.org\u00a0',
      'https://example.org:65536/',
      'https://example.org:-1/',
      'https://example.org:http/',
      'https://[::1',
      'https://[::g]/',
      'https://[1::2::3]/',
      'https://1.2.3.4.5.6/',
      'https://256.256.256.256/',
      'https://0x1ffffffff/',
      'https://%/',
      'https://%zz/',
      'https://\u00ad/',
      'https://exam\u0000ple.org/',
      'https://ex%00ample.org/',
      'https://ex%0aample.org/',
      'https://ex%2fample.org/',
    ]),
  )('%s', (_, text) => expectRefusedTwice(text, 'DESTINATION_INVALID'));
});

describe('no credentials in it', () => {
  it.each(
    labelled([
      'https://ada@example.org/',
      'https://ada:secret@example.org/',
      'https://:secret@example.org/',
      'https://ada:@example.org/',
      'https://ada%40example.org:x@example.org/',
      'https://example.org@example.net/',
      'https://example.org%2f@example.net/',
      'https://example.org:443@example.net/',
      'https://a@b@example.org/',
      'https://example.org\\@example.net:x@example.com/',
    ]).filter(([, text]) => {
      const url = URL.parse(text);
      return url === null || url.username !== '' || url.password !== '';
    }),
  )('%s', (_, text) => expectRefusedTwice(text, 'DESTINATION_INVALID'));
});

describe('no control characters, not even those that a parser would drop', () => {
  it.each(
    labelled(
      [
        '\u0000',
        '\u0001',
        '\u0008',
        '\t',
        '\n',
        '\r',
        '\r\n',
        '\u000b',
        '\u001f',
        '\u007f',
        '\u0080',
        '\u0085',
        '\u009f',
      ].flatMap((character) => [
        `https://example.org/${character}`,
        `https://example.org/a${character}b`,
        `htt${character}ps://example.org/`,
        `https://exam${character}ple.org/`,
        `${character}https://example.org/`,
      ]),
    ),
  )('%s', (_, text) => expectRefusedTwice(text, 'DESTINATION_INVALID'));

  it('a header cannot be begun by a destination', async () => {
    for (const inner of [
      '%0d%0aSet-Cookie:%20a=b',
      '%0D%0A%0D%0A<script>',
      '%E5%98%8D%E5%98%8ASet-Cookie:a=b',
      '%00',
    ]) {
      const link = await newLink(on.ada, { long_url: `https://example.org/${inner}` });
      const followed = await call(`/${link.code}`);
      expect([followed.status, followed.headers.get('location')]).toEqual([302, link.long_url]);
      expect(followed.headers.get('set-cookie')).toBeNull();
    }
  });
});

describe('at most 8,192 bytes', () => {
  const withBytes = (count: number, filler = 'a') => {
    const head = 'https://example.org/';
    const fill = filler.repeat(Math.floor((count - head.length) / Buffer.byteLength(filler)));
    const text = head + fill;
    return text + 'a'.repeat(count - Buffer.byteLength(text));
  };

  it('8,192 pass, and are followed whole; 8,193 do not', async () => {
    const longest = withBytes(8_192);
    const link = await newLink(on.ada, { long_url: longest });
    expect(link.long_url).toBe(longest);
    for (const path of [`/${link.code}`, `/r/${link.code}`]) {
      const followed = await call(path);
      expect([followed.status, followed.headers.get('location') === longest]).toEqual([302, true]);
    }
    expect((await call(`/${link.code}+`)).status).toBe(200);
    await expectRefusedTwice(withBytes(8_193), 'DESTINATION_INVALID');
  });

  it('bytes are counted, not characters, and as they are stored', async () => {
    // "é" has two bytes as it is asked for and six as it is stored (%C3%A9).
    const kept = await create(withBytes(20 + 2 * 1_362, 'é'));
    expect([kept.status, kept.json.long_url.length]).toEqual([201, 20 + 6 * 1_362]);
    await expectRefusedTwice(withBytes(20 + 2 * 1_363, 'é'), 'DESTINATION_INVALID');
    await expectRefusedTwice(withBytes(8_193, 'é'), 'DESTINATION_INVALID');
    // A space has one and three.
    await expectRefusedTwice(`https://example.org/${' a'.repeat(3_000)}`, 'DESTINATION_INVALID');
  });

  it('bytes that the parser leaves out do not make room', async () => {
    await expectRefusedTwice(`https://example.org/${'../'.repeat(4_000)}`, 'DESTINATION_INVALID');
  });
});

describe('stored as the WHATWG parser writes it, so that what is checked is what is sent', () => {
  it.each([
    'https://example.org',
    'HTTPS://EXAMPLE.ORG/Path',
    'https://example.org:443/',
    'http://example.org:80/',
    'http://example.org:8080/',
    'https://example.org./',
    'https://example.org/a/../b/./c',
    'https://example.org/a/%2e%2e/b',
    'https://example.org/%2F%2f',
    'https://example.org\\a\\b',
    'https://example.org/a b',
    'https://example.org/?a b',
    'https://example.org/#a b',
    'https://example.org/été?q=été#été',
    'https://bücher.example.org/',
    'https://BÜCHER.example.org/',
    'https://faß.example.org/',
    'https://例え.jp/日本語',
    'https://example.org/?abc#123',
    'https://example.org/?',
    'https://example.org/#',
    'https://example.org/?#',
    'https://example.org/?a=1&b=2&amp;c=3',
    'https://example.org/?2+2_(TV_channel)',
    'https://en.example.org/wiki/2+2_(TV_channel)',
    'https://example.org/bad%20space/',
    'https://example.org/100%',
    'https://example.org/%zz',
    'https://example.org/?redirect_to=http%25253A%25252F%25252Fwww.example.net%25252F',
    'https://example.org/?key=xZ9%2fDhkC%2bQ5s&url=http://example.net/',
    "https://example.org/it's?q='x'",
    'https://example.org/?q="x"<y>`z`{w}|v^',
    'https://example.org/[a]?[b]#[c]',
    'https://example.org/;a=b,c=d:e@f!$&*()',
    'https://example.org/?q=a;b;c',
    'https://example.org//double//slashes//',
    'https://example.org/%E2%80%AE',
    'https://example.org/\u202e',
    'https://example.org/😀',
    'https://example.org/e\u0301',
    'https://example.org/?q=%F0%9F%98%80&r=%ff',
    'https://example.org/a?b?c?d#e#f',
    'https://user.example.org/@name',
    'https://example.org/http://example.net/',
    '  https://example.org/trimmed  ',
    'https://example.org/a\u00a0',
    'https://example.org/?q=\u3000',
    'https://example.org/#\ufeff',
    'https://EXAMPLE.org:0443/x',
    'https://example.org/~ada/$HOME/{x}/{{y}}/%24',
  ])('%s', async (text) => {
    const link: Answer = await create(text);
    const written = new URL(text).href;
    expect([link.status, link.json.long_url], link.text).toEqual([201, written]);
    const followed = await call(`/${link.json.code}`);
    expect([followed.status, followed.headers.get('location')]).toEqual([302, written]);
    const edited = await call(`/api/v1/urls/${link.json.code}`, {
      method: 'PATCH',
      token: on.ada.token,
      body: { long_url: written },
    });
    expect([edited.status, edited.json.long_url]).toEqual([200, written]);
  });

  it('by original_url and at an edit alike', async () => {
    const text = 'HTTPS://Example.ORG:443/a/../b c';
    const made = await call('/api/urls', { token: on.ada.token, body: { original_url: text } });
    const edited = await call(`/api/v1/urls/${on.kept.code}`, {
      method: 'PATCH',
      token: on.ada.token,
      body: { original_url: `${text}?${randomUUID()}` },
    });
    expect([made.status, made.json.long_url]).toEqual([201, 'https://example.org/b%20c']);
    expect([edited.status, edited.json.long_url.split('?')[0]]).toEqual([200, 'https://example.org/b%20c']);
    const refused = await call('/api/urls', { token: on.ada.token, body: { original_url: 'http://127.1/' } });
    expectRefusal(refused, 400, 'DESTINATION_REFUSED');
    expect(fieldsOf(refused)).toEqual(['original_url']);
  });
});
