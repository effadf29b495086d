import { expect, test } from 'vitest';
import { createLoadBalancer } from './load-balancer.ts';

test('addresses are taken in turn', () => {
  const balancer = createLoadBalancer(['a', 'b', 'c']);
  const taken = Array.from({ length: 6 }, () => balancer.next().transport);
  expect(taken.slice(0, 3).sort()).toEqual(['a', 'b', 'c']);
  expect(taken.slice(3)).toEqual(taken.slice(0, 3));
});

test('one that broke is passed over for a second, and another is tried in its place', () => {
  let now = 0;
  const balancer = createLoadBalancer(['a', 'b'], () => now);
  const first = balancer.next();
  balancer.broke(first);
  expect(balancer.next(first)).not.toBe(first);
  expect(new Set([balancer.next(), balancer.next(), balancer.next()]).has(first)).toBe(false);
  now = 1_000;
  expect(new Set([balancer.next(), balancer.next()]).has(first)).toBe(true);
});

test('one that broke is tried by one call in a second, and has its turn again once a call made since then is answered', () => {
  let now = 0;
  const balancer = createLoadBalancer(['a', 'b'], () => now);
  const broken = balancer.next();
  balancer.broke(broken);
  const taken = (calls: number): number =>
    Array.from({ length: calls }, () => balancer.next()).filter((backend) => backend === broken).length;
  now = 1_000;
  expect(taken(10)).toBe(1);
  now = 2_000;
  expect(taken(10)).toBe(1);
  // A call that was made before it broke may well be answered: it is ending what it has begun.
  balancer.answered(broken, -1);
  expect(taken(10)).toBe(0);
  balancer.answered(broken, 2_000);
  expect(taken(10)).toBe(5);
});

test('when all broke, or there is but one, that one is tried all the same', () => {
  const balancer = createLoadBalancer(['a', 'b']);
  for (const backend of [balancer.next(), balancer.next()]) balancer.broke(backend);
  expect(balancer.next()).toBeDefined();
  const alone = createLoadBalancer(['a']);
  expect(alone.next(alone.next()).transport).toBe('a');
  expect(() => createLoadBalancer([]).next()).toThrow(/without an address/);
});

test('what takes the place of others is taken in turn, and what stays is still passed over', () => {
  const balancer = createLoadBalancer(['a', 'b'], () => 0);
  const broken = balancer.next();
  const other = balancer.next();
  balancer.broke(broken);
  balancer.replace([broken.transport, 'c', 'd']);
  const taken = new Set(Array.from({ length: 6 }, () => balancer.next().transport));
  expect([...taken].sort()).toEqual(['c', 'd']);
  expect(taken.has(other.transport)).toBe(false);
});

test('calls that are made again stay a small part of all', () => {
  const balancer = createLoadBalancer(['a', 'b']);
  let again = 0;
  for (let call = 0; call < 1_000; call++) {
    balancer.next();
    if (balancer.mayRetry()) again++;
  }
  expect(again).toBeGreaterThanOrEqual(200);
  expect(again).toBeLessThanOrEqual(210);
});

test('however long nothing broke, ten calls at most are made again at once, and those earn no others', () => {
  const balancer = createLoadBalancer(['a', 'b']);
  for (let call = 0; call < 1_000; call++) balancer.next();
  const tried = balancer.next();
  let again = 0;
  for (; balancer.mayRetry(); again++) balancer.next(tried);
  expect(again).toBe(10);
});
