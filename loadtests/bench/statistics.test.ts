import { expect, it } from 'vitest';
import { median, quantile, quantiles } from './statistics.ts';

it('takes quantiles by nearest rank', () => {
  const hundred = Float64Array.from({ length: 100 }, (_, at) => 100 - at);
  expect(quantiles(hundred)).toEqual({ p50: 50, p90: 90, p99: 99, max: 100 });
  expect(quantile([7], 0.01)).toBe(7);
  expect(quantile([], 0.5)).toBe(0);
});

it('takes the middle, or the mean of the two in the middle', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBeNaN();
});
