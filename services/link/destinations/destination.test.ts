import { describe, expect, test } from 'vitest';
import { createDomains } from '#runtime/shortlink/link-key.ts';
import { checkDestination, createOwnHosts } from './destination.ts';

const domains = createDomains({ domains: ['hop.example', 'go.example'] });
const isOwnHost = createOwnHosts(domains, ['127.0.0.1', '*'], 'http://hop.example:8080');
const strict = { isOwnHost, allowPrivate: false };

function outcome(raw: string, rules = strict): string {
  const checked = checkDestination(raw, 'long_url', rules);
  return 'value' in checked ? checked.value : checked.violation.reason;
}

describe('a destination', () => {
  test.each([
    ['https://example.com', 'https://example.com/'],
    ['HTTPS://EXAMPLE.com:443/a/../b?q=ä#x', 'https://example.com/b?q=%C3%A4#x'],
    ['http://bücher.example/', 'http://xn--bcher-kva.example/'],
    ['https://example.com/a b', 'https://example.com/a%20b'],
    ['  https://example.com/  ', 'https://example.com/'],
    ['https://example.com/a\u00a0', 'https://example.com/a%C2%A0'],
    ['https://example.com/?a\u3000', 'https://example.com/?a%E3%80%80'],
    ['https://example.com/a\ufeff', 'https://example.com/a%EF%BB%BF'],
    ['https:///example.com', 'https://example.com/'],
    [`https://${'a.'.repeat(123)}example/`, `https://${'a.'.repeat(123)}example/`],
    [`https://${'a.'.repeat(123)}example./`, `https://${'a.'.repeat(123)}example./`],
    ['https://8.8.8.8/', 'https://8.8.8.8/'],
    ['https://[2606:4700::1111]/', 'https://[2606:4700::1111]/'],
    ['https://nothop.example/', 'https://nothop.example/'],
    ['https://localhost.example.com/', 'https://localhost.example.com/'],
  ])('%s is kept as %s', (raw, kept) => expect(outcome(raw)).toBe(kept));

  test.each([
    '',
    'example.com',
    '/path',
    'ftp://example.com/',
    'javascript:alert(1)',
    'https:example.com',
    'https://',
    'http://user@example.com/',
    'http://:pw@example.com/',
    'https://exa mple.com/',
    '\u00a0https://example.com/',
    '\u3000https://example.com/',
    '\ufeffhttps://example.com/',
    'https://example.com\u2003',
    'https://example.com/\n',
    'https://example.com/a\tb',
    'https://example.com/\u0000',
    'https://example.com/\u0085',
    'https://[::1',
    'https://1.2.3.4.5/',
    `https://${'a.'.repeat(123)}examples/`,
    `https://${'a.'.repeat(4_080)}example/`,
    `https://${'.'.repeat(8_100)}example/`,
    `https://example.com/${'x'.repeat(8_192)}`,
    `https://example.com/${'ä'.repeat(2_000)}`,
  ])('%j is none', (raw) => expect(outcome(raw)).toBe('DESTINATION_INVALID'));

  test.each([
    'https://hop.example/x',
    'https://HOP.example.:99/',
    'https://go.example/',
    'http://localhost/',
    'http://a.localhost./',
    'http://printer/',
    'http://printer.local/',
    'http://x.internal/',
    'http://127.0.0.1/',
    'http://127.1/',
    'http://0x7f000001/',
    'http://017700000001/',
    'http://2130706433/',
    'http://0/',
    'http://１２７.0.0.1/',
    'http://%31%32%37.0.0.1/',
    'http://10.1.2.3/',
    'http://172.31.0.1/',
    'http://192.168.1.1/',
    'http://169.254.169.254/latest/meta-data',
    'http://100.64.0.1/',
    'http://224.0.0.1/',
    'http://255.255.255.255/',
    'http://[::1]/',
    'http://[::]/',
    'http://[0:0:0:0:0:0:0:1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:a00:1]/',
    'http://[::ffff:0:127.0.0.1]/',
    'http://[::127.0.0.1]/',
    'http://[4000::1]/',
    'http://[2001:2::1]/',
    'http://[3fff::1]/',
    'http://localhost.localdomain/',
    'https://hop.example../',
    'http://[64:ff9b::7f00:1]/',
    'http://[2002:a00:1::]/',
    'http://[2001:0:1:2:3:4:80ff:fffe]/',
    'http://[fe80::1]/',
    'http://[fd00::1]/',
    'http://[ff02::1]/',
  ])('%s is refused', (raw) => expect(outcome(raw)).toBe('DESTINATION_REFUSED'));

  test('private ones are taken where the operator allows them, our own never', () => {
    const open = { isOwnHost, allowPrivate: true };
    expect(outcome('http://127.0.0.1:3000/', open)).toBe('http://127.0.0.1:3000/');
    expect(outcome('http://127.0.0.1:8080/x', open)).toBe('DESTINATION_REFUSED');
    expect(outcome('http://hop.example:3000/', open)).toBe('DESTINATION_REFUSED');
  });

  test('a name that the front door answers to is ours, however it was written', () => {
    const aliases = ['WWW.Go.Example', 'Short.Example:443', 'dot.example.'];
    const ours = { isOwnHost: createOwnHosts(domains, aliases, 'https://Door.example'), allowPrivate: false };
    for (const host of ['www.go.example', 'short.example', 'dot.example', 'door.example', 'DOOR.example.:443'])
      expect([host, outcome(`https://${host}/x`, ours)]).toEqual([host, 'DESTINATION_REFUSED']);
    expect(outcome('https://door.example:8443/', ours)).toBe('https://door.example:8443/');
  });
});
