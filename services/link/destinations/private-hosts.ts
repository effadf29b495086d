import { BlockList, isIP } from 'node:net';

/** Networks that are not the public internet, as subnets of IPv4 and IPv6 (the IANA special-purpose registries). */
const privateNetworks = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  privateNetworks.addSubnet(network, prefix, 'ipv4');
}
for (const [network, prefix] of [
  ['2001:2::', 48],
  ['2001:10::', 28],
  ['2001:20::', 28],
  ['2001:db8::', 32],
  ['3fff::', 20],
] as const) {
  privateNetworks.addSubnet(network, prefix, 'ipv6');
}

/** All of IPv6 that is assigned for the public internet; the exceptions inside it are above. */
const publicIpv6 = new BlockList();
publicIpv6.addSubnet('2000::', 3, 'ipv6');

/** Names that by definition resolve to this machine or into a private network. */
const privateSuffixes = [
  'localhost',
  'localdomain',
  'local',
  'internal',
  'intranet',
  'lan',
  'home',
  'corp',
  'private',
  'home.arpa',
  'svc',
];

/**
 * True for a loopback, link-local, private or otherwise non-public host. `hostname` is the output of the WHATWG parser, so an address in
 * octal, hexadecimal or as one number already has its usual form.
 */
export function isPrivateHost(hostname: string): boolean {
  const host = hostname.replace(/\.$/, '');
  if (host.startsWith('[')) return isPrivateIpv6(host.slice(1, -1));
  if (isIP(host) === 4) return privateNetworks.check(host, 'ipv4');
  if (!host.includes('.')) return true;
  return privateSuffixes.some((suffix) => host === suffix || host.endsWith(`.${suffix}`));
}

function isPrivateIpv6(address: string): boolean {
  const embedded = embeddedIpv4(groupsOf(address));
  if (embedded !== undefined) return privateNetworks.check(embedded, 'ipv4');
  return !publicIpv6.check(address, 'ipv6') || privateNetworks.check(address, 'ipv6');
}

/** The IPv4 address embedded in a mapped, translated (SIIT, NAT64), 6to4 or Teredo address. */
function embeddedIpv4(groups: readonly number[]): string | undefined {
  const [first = 0, second = 0, third = 0] = groups;
  if (first === 0x2002) return dotted(second, third);
  if (first === 0x2001 && second === 0) return dotted((groups[6] ?? 0) ^ 0xffff, (groups[7] ?? 0) ^ 0xffff);
  const before = groups.slice(0, 6).join(':');
  const isMapped = before === '0:0:0:0:0:65535' || before === '0:0:0:0:65535:0';
  const isTranslated = first === 0x64 && second === 0xff9b && groups.slice(2, 6).every((group) => group === 0);
  return isMapped || isTranslated ? dotted(groups[6] ?? 0, groups[7] ?? 0) : undefined;
}

function dotted(high: number, low: number): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** The eight groups of an IPv6 address as the WHATWG serialiser writes it (no dotted tail, no zone). */
function groupsOf(address: string): number[] {
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...new Array<string>(gap).fill('0'), ...right].map((group) => Number.parseInt(group, 16));
}
