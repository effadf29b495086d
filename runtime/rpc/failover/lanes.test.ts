import { expect, test } from 'vitest';
import { createLanes } from './lanes.ts';

test('addresses are taken in turn', () => {
  const lanes = createLanes(['a', 'b', 'c']);
  const taken = Array.from({ length: 6 }, () => lanes.next().transport);
  expect(taken.slice(0, 3).sort()).toEqual(['a', 'b', 'c']);
  expect(taken.slice(3)).toEqual(taken.slice(0, 3));
});

test('one that broke is passed over for a second, and another is tried in its place', () => {
  let now = 0;
  const lanes = createLanes(['a', 'b'], () => now);
  const first = lanes.next();
  lanes.broke(first);
  expect(lanes.next(first)).not.toBe(first);
  expect(new Set([lanes.next(), lanes.next(), lanes.next()]).has(first)).toBe(false);
  now = 1_000;
  expect(new Set([lanes.next(), lanes.next()]).has(first)).toBe(true);
});

test('one that broke is tried by one call in a second, and has its turn again once a call made since then is answered', () => {
  let now = 0;
  const lanes = createLanes(['a', 'b'], () => now);
  const broken = lanes.next();
  lanes.broke(broken);
  const taken = (calls: number): number =>
    Array.from({ length: calls }, () => lanes.next()).filter((lane) => lane === broken).length;
  now = 1_000;
  expect(taken(10)).toBe(1);
  now = 2_000;
  expect(taken(10)).toBe(1);
  // A call that was made before it broke may well be answered: it is ending what it has begun.
  lanes.answered(broken, -1);
  expect(taken(10)).toBe(0);
  lanes.answered(broken, 2_000);
  expect(taken(10)).toBe(5);
});

test('when all broke, or there is but one, that one is tried all the same', () => {
  const lanes = createLanes(['a', 'b']);
  for (const lane of [lanes.next(), lanes.next()]) lanes.broke(lane);
  expect(lanes.next()).toBeDefined();
  const alone = createLanes(['a']);
  expect(alone.next(alone.next()).transport).toBe('a');
  expect(() => createLanes([]).next()).toThrow(/without an address/);
});

test('what takes the place of others is taken in turn, and what stays is still passed over', () => {
  const lanes = createLanes(['a', 'b'], () => 0);
  const broken = lanes.next();
  const other = lanes.next();
  lanes.broke(broken);
  lanes.replace([broken.transport, 'c', 'd']);
  const taken = new Set(Array.from({ length: 6 }, () => lanes.next().transport));
  expect([...taken].sort()).toEqual(['c', 'd']);
  expect(taken.has(other.transport)).toBe(false);
});

test('calls that are made again stay a small part of all', () => {
  const lanes = createLanes(['a', 'b']);
  let again = 0;
  for (let call = 0; call < 1_000; call++) {
    lanes.next();
    if (lanes.mayRetry()) again++;
  }
  expect(again).toBeGreaterThanOrEqual(200);
  expect(again).toBeLessThanOrEqual(210);
});
