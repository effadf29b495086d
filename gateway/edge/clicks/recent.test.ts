import { expect, test } from 'vitest';
import { Recent } from './recent.ts';

const value = (name: string) => ({ name });

test('what was asked for last is there, and what was not for long is gone', () => {
  const recent = new Recent<number, { name: string }>(10);
  recent.set(0, value('often asked for'));
  recent.set(1, value('never asked for'));
  for (let key = 2; key < 100; key++) {
    recent.set(key, value(`${key}`));
    expect(recent.get(0)).toEqual(value('often asked for'));
    for (let last = Math.max(2, key - 8); last <= key; last++) expect(recent.get(last)).toEqual(value(`${last}`));
  }
  expect(recent.get(1)).toBeUndefined();
  expect(Array.from({ length: 100 }, (_, key) => recent.get(key)).filter(Boolean).length).toBeLessThanOrEqual(20);
});
