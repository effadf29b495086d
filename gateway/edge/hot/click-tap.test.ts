import { expect, it } from 'vitest';
import { Tier } from '#gen/event/v1/click_pb.ts';
import { createClickTap } from './click-tap.ts';

function setUp() {
  const faded: number[] = [];
  const { tap } = createClickTap({ count: () => {}, fade: (elapsedMs) => faded.push(Math.round(elapsedMs)) });
  const now = Date.now();
  const click = (afterMs: number): void =>
    tap({ tier: Tier.L1, method: 'GET', atUs: (now + afterMs) * 1_000, domain: 'go.example', code: 'a' });
  return { faded, click };
}

it('lets counts fade by the time of the clicks, which may be a little out of order', () => {
  const { faded, click } = setUp();
  for (const at of [-60_000, -59_001, -59_000, -59_200, -50_000]) click(at);
  expect(faded).toEqual([1_000, 9_000]);
});

it('goes on fading when the clock of the clicks was set back, or was ahead at first', () => {
  const { faded, click } = setUp();
  for (const at of [-10_000, -3_600_000, -3_590_000]) click(at);
  expect(faded).toEqual([10_000]);
  const ahead = setUp();
  for (const at of [3_600_000, -60_000, -1_000]) ahead.click(at);
  expect(ahead.faded).toEqual([59_000]);
});
