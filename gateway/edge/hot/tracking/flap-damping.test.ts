import { expect, test } from 'vitest';
import { createFlapDamping } from './flap-damping.ts';

const minute = 60_000;

test('a link is damped by the third correction, each within a minute of the one before, until it was left alone for a minute', () => {
  const rare = createFlapDamping();
  for (const at of [0, minute, 2 * minute]) rare.corrected('rare', at);
  expect([rare.isDamped('rare', 2 * minute), rare.settle(3 * minute)]).toEqual([false, []]);
  const damping = createFlapDamping();
  for (const at of [0, minute - 1, 2 * minute - 2]) {
    expect(damping.isDamped('often', at)).toBe(false);
    damping.corrected('often', at);
  }
  const over = 3 * minute - 2;
  expect([damping.isDamped('often', over - 1), damping.isDamped('often', over)]).toEqual([true, false]);
  expect([damping.settle(over - 1), damping.settle(over), damping.settle(over)]).toEqual([[], ['often'], []]);
});

test('of too many the oldest are forgotten', () => {
  const damping = createFlapDamping();
  const names = Array.from({ length: 20_001 }, (_, number) => `link-${number}`);
  for (const name of names) for (let time = 0; time < 3; time++) damping.corrected(name, 0);
  const [oldest = '', next = ''] = names;
  expect([damping.isDamped(oldest, 1), damping.isDamped(next, 1)]).toEqual([false, true]);
});
