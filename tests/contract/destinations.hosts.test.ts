import { networkInterfaces } from 'node:os';
import { describe, expect, inject, it } from 'vitest';
import { labelled, useDestinations } from './support/destinations.ts';
import { expectRefusal } from './support/refusals.ts';

const { create, expectRefusedTwice } = useDestinations();

const port = () => new URL(inject('meshUrl')).port;
const filled = (text: string) => text.replaceAll('PORT', port());

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
