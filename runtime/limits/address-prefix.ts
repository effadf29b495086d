import { isIPv4, isIPv6 } from 'node:net';

/**
 * The client that an address stands for, as Envoy writes it: an IPv4 address is one client (`192.0.2.7/32`), for IPv6 it is what one
 * household gets (`2001:db8::/64`). Undefined if it is not an address.
 */
export function addressPrefix(address: string): string | undefined {
  if (isIPv4(address)) return `${address}/32`;
  if (!isIPv6(address)) return undefined;
  const groups = groupsOf(address.replace(/%.*$/, ''));
  // An IPv4-mapped IPv6 address: by /64 all of them would be one client.
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) return `${dotted(groups)}/32`;
  return `${compressed(groups.slice(0, 4))}/64`;
}

function groupsOf(address: string): number[] {
  const [head = '', tail] = address.split('::');
  const left = parts(head);
  if (tail === undefined) return left;
  const right = parts(tail);
  return [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
}

function parts(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

function dotted(groups: readonly number[]): string {
  return groups
    .slice(6)
    .flatMap((group) => [group >> 8, group & 255])
    .join('.');
}

/** The last four groups are zero, and `::` stands for them and the zeros before them, as in inet_ntop. */
function compressed(groups: readonly number[]): string {
  const last = groups.findLastIndex((group) => group !== 0);
  return `${groups
    .slice(0, last + 1)
    .map((group) => group.toString(16))
    .join(':')}::`;
}
