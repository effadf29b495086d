import { expect, it } from 'vitest';
import { zipfOrder, zipfShares } from './zipf.ts';

it('gives each link its share', () => {
  expect([...zipfShares(3)].map((share) => Number(share.toFixed(3)))).toEqual([0.545, 0.818, 1]);
  // 12,500 of 100,000 links have so much of the requests; the hot set cannot have more.
  expect(zipfShares(100_000)[12_499]).toBeCloseTo(0.828, 3);
});

it('draws by the shares', () => {
  const values = [0, 0.54, 0.55, 0.81, 0.82, 0.999];
  const drawn = zipfOrder(3, values.length, () => values.shift() ?? 0);
  expect([...drawn]).toEqual([0, 0, 1, 1, 2, 2]);
});
