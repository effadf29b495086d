import { randomUUID } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { type Answer, call, fieldsOf } from '../support/http.ts';
import { newLink, newPerson, type Person } from '../support/people.ts';
import { expectRefusal } from './support/refusals.ts';

let ada: Person;
/** Nothing that is refused may change it. */
let kept: { code: string; long_url: string };
beforeAll(async () => {
  ada = await newPerson();
  kept = await newLink(ada);
});

const create = (long_url: string) => call('/api/v1/urls', { token: ada.token, body: { long_url } });
const edit = (long_url: string) =>
  call(`/api/v1/urls/${kept.code}`, { method: 'PATCH', token: ada.token, body: { long_url } });

/** Refused in the same words when a link is made and when it is changed. */
async function expectRefusedTwice(long_url: string, reason: string): Promise<void> {
  for (const answer of [await create(long_url), await edit(long_url)]) {
    expectRefusal(answer, 400, reason);
    expect(fieldsOf(answer)).toEqual(['long_url']);
  }
  expect((await call(`/${kept.code}`)).headers.get('location')).toBe(kept.long_url);
}

const port = () => new URL(inject('meshUrl')).port;
const filled = (text: string) => text.replaceAll('PORT', port());
const labelled = (texts: readonly string[]) =>
  [...new Set(texts)].map((text) => [JSON.stringify(text).slice(0, 70), text] as const);

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
      const link = await newLink(ada, { long_url: `https://example.org/${inner}` });
      const followed = await call(`/${link.code}`);
      expect([followed.status, followed.headers.get('location')]).toEqual([302, link.long_url]);
      expect(followed.headers.get('set-cookie')).toBeNull();
    }
  });
});

describe('not one of our own short domains (a loop)', () => {
  it.each(
    labelled([
      'http://localhost/',
      'http://localhost:PORT/',
      'http://localhost:PORT/abc',
      'https://localhost/abc',
      'http://localhost:81/',
      'http://LOCALHOST:PORT/abc',
      'http://LocalHost/',
      'http://localhost./abc',
      'http://localhost../abc',
      'http://localhost.:PORT/abc',
      'http://%6cocalhost/abc',
      'http://l%6Fcalhost:PORT/',
      'http://ｌｏｃａｌｈｏｓｔ/abc',
      'http://local\u00adhost/abc',
      'http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/',
      'http://127.0.0.1:PORT/abc',
      'http://2130706433:PORT/abc',
      'http://0x7f.1:PORT/abc',
      'http://[::1]:PORT/abc',
      'http://[0:0:0:0:0:0:0:1]:PORT/abc',
    ]),
  )('%s', (_, text) => expectRefusedTwice(filled(text), 'DESTINATION_REFUSED'));
});

describe('not a private, loopback or link-local host in any spelling', () => {
  it.each(
    labelled([
      // Loopback: dotted, decimal, octal, hexadecimal, short, full-width, with a dot at the end
      'http://127.0.0.1/',
      'http://127.0.0.1./',
      'http://127.1/',
      'http://127.0.1/',
      'http://127.255.255.254/',
      'http://2130706433/',
      'http://017700000001/',
      'http://0177.0.0.1/',
      'http://0177.0.0.01/',
      'http://0x7f000001/',
      'http://0X7F000001/',
      'http://0x7f.0x0.0x0.0x1/',
      'http://0x7f.1/',
      'http://127.0x1/',
      'http://127.00000.00000.00001/',
      'http://１２７.０.０.１/',
      'http://①②⑦.⓪.⓪.①/',
      'http://127。0。0。1/',
      'http://127%2e0%2e0%2e1/',
      'http://%31%32%37.0.0.1/',
      // This network, and what "0" means
      'http://0/',
      'http://0.0.0.0/',
      'http://0x0/',
      'http://00000000000/',
      'http://0.0.0.1/',
      // Private networks, shared space, link-local with the metadata services
      'http://10.0.0.1/',
      'http://10.255.255.255/',
      'http://167772161/',
      'http://012.0.0.1/',
      'http://0xa.1/',
      'http://172.16.0.1/',
      'http://172.31.255.255/',
      'http://192.168.0.1/',
      'http://192.168.1/',
      'http://3232235521/',
      'http://0xc0.0xa8.0.1/',
      'http://0300.0250.0.1/',
      'http://100.64.0.1/',
      'http://100.127.255.255/',
      'http://169.254.0.1/',
      'http://169.254.169.254/latest/meta-data/',
      'http://2852039166/',
      'http://0xa9fea9fe/',
      'http://0251.0376.0251.0376/',
      'http://169.254.43518/',
      'http://198.18.0.1/',
      'http://198.19.255.255/',
      'http://192.0.0.1/',
      'http://192.0.2.1/',
      'http://198.51.100.1/',
      'http://203.0.113.1/',
      'http://224.0.0.1/',
      'http://239.255.255.255/',
      'http://240.0.0.1/',
      'http://255.255.255.255/',
      // IPv6: loopback, unspecified, unique local, link-local, site-local, multicast, documentation
      'http://[::1]/',
      'http://[0:0:0:0:0:0:0:1]/',
      'http://[0000:0000:0000:0000:0000:0000:0000:0001]/',
      'http://[::]/',
      'http://[0::0]/',
      'http://[fc00::1]/',
      'http://[FD12:3456:789a::1]/',
      'http://[fe80::1]/',
      'http://[febf::1]/',
      'http://[fec0::1]/',
      'http://[ff02::1]/',
      'http://[2001:db8::1]/',
      'http://[100::1]/',
      // IPv4 inside IPv6: mapped, compatible, translated, 6to4, Teredo
      'http://[::ffff:127.0.0.1]/',
      'http://[::ffff:7f00:1]/',
      'http://[0:0:0:0:0:ffff:7f00:0001]/',
      'http://[::FFFF:169.254.169.254]/',
      'http://[::ffff:a9fe:a9fe]/',
      'http://[::ffff:10.0.0.1]/',
      'http://[::127.0.0.1]/',
      'http://[::7f00:1]/',
      'http://[64:ff9b::127.0.0.1]/',
      'http://[64:ff9b::a9fe:a9fe]/',
      'http://[64:ff9b:1::1]/',
      'http://[2002:7f00:1::]/',
      'http://[2002:a9fe:a9fe::1]/',
      'http://[2002:c0a8:101::1]/',
      'http://[2001:0:0:0:0:0:80ff:fffe]/',
      'http://[::ffff:0:127.0.0.1]/',
      // Names that mean a place inside
      'http://foo.localhost/',
      'http://foo.localhost./',
      'http://a.b.localhost:8080/',
      'http://intranet/',
      'http://router/',
      'http://metadata/',
      'http://metadata.google.internal/',
      'http://METADATA.GOOGLE.INTERNAL./',
      'http://printer.local/',
      'http://nas.lan/',
      'http://db.internal/',
      'http://x.home.arpa/',
      'http://kubernetes.default.svc.cluster.local/',
      'http://ip6-localhost/',
      'http://localhost.localdomain/',
    ]),
  )('%s', (_, text) => expectRefusedTwice(text, 'DESTINATION_REFUSED'));

  it('not the addresses of this machine', async () => {
    const own = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
    const hosts = own.map(({ family, address }) => (family === 'IPv6' ? `[${address.split('%')[0]}]` : address));
    for (const host of new Set(hosts)) {
      const answer = await create(`http://${host}:${port()}/abc`);
      // A public address is nobody's secret; one of the machine is refused where it is a private one or names the door.
      if (answer.status !== 201) expectRefusal(answer, 400, 'DESTINATION_REFUSED');
    }
    expectRefusal(await create('http://127.0.0.1/'), 400, 'DESTINATION_REFUSED');
  });

  it.each([
    '8.8.8.8',
    '1.1.1.1',
    '11.0.0.1',
    '172.15.0.1',
    '172.32.0.1',
    '192.167.0.1',
    '100.63.0.1',
    '100.128.0.1',
    '[2606:4700::1111]',
    'localhost.example.org',
    '127.0.0.1.example.org',
    'internal.example.org',
    'xn--bcher-kva.example.org',
  ])('a public one is let pass: %s', async (host) => {
    const answer = await create(`https://${host}/`);
    expect([answer.status, answer.json.long_url]).toEqual([201, `https://${host}/`]);
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
    const link = await newLink(ada, { long_url: longest });
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
      token: ada.token,
      body: { long_url: written },
    });
    expect([edited.status, edited.json.long_url]).toEqual([200, written]);
  });

  it('by original_url and at an edit alike', async () => {
    const text = 'HTTPS://Example.ORG:443/a/../b c';
    const made = await call('/api/urls', { token: ada.token, body: { original_url: text } });
    const edited = await call(`/api/v1/urls/${kept.code}`, {
      method: 'PATCH',
      token: ada.token,
      body: { original_url: `${text}?${randomUUID()}` },
    });
    expect([made.status, made.json.long_url]).toEqual([201, 'https://example.org/b%20c']);
    expect([edited.status, edited.json.long_url.split('?')[0]]).toEqual([200, 'https://example.org/b%20c']);
    const refused = await call('/api/urls', { token: ada.token, body: { original_url: 'http://127.1/' } });
    expectRefusal(refused, 400, 'DESTINATION_REFUSED');
    expect(fieldsOf(refused)).toEqual(['original_url']);
  });
});
