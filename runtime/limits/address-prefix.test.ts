import fc from 'fast-check';
import { expect, it } from 'vitest';
import { addressPrefix } from './address-prefix.ts';

it.each([
  ['192.0.2.7', '192.0.2.7/32'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:0001:0002::1', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8::/64'],
  ['::1', '::/64'],
  ['fe80::1%eth0', 'fe80::/64'],
  ['::ffff:192.0.2.7', '192.0.2.7/32'],
  ['::ffff:c000:207', '192.0.2.7/32'],
  ['1:0:0:2:3::', '1:0:0:2::/64'],
])('counts %s as %s', (address, prefix) => {
  expect(addressPrefix(address)).toBe(prefix);
});

it.each(['', 'unknown', '192.0.2.7:80', '[::1]'])('knows that %j is no address', (text) => {
  expect(addressPrefix(text)).toBeUndefined();
});

it('counts two addresses together when, and only when, they share 64 bits', () => {
  const group = fc.integer({ min: 0, max: 0xffff });
  const groups = fc.array(group, { minLength: 4, maxLength: 4 });
  const text = (all: number[]): string => all.map((each) => each.toString(16)).join(':');
  fc.assert(
    fc.property(groups, groups, groups, groups, (net, otherNet, host, otherHost) => {
      fc.pre(net.some((each) => each !== 0) && otherNet.some((each) => each !== 0));
      const prefix = addressPrefix(text([...net, ...host]));
      expect(addressPrefix(text([...net, ...otherHost]))).toBe(prefix);
      expect(addressPrefix(text([...otherNet, ...host])) === prefix).toBe(text(net) === text(otherNet));
    }),
  );
});
