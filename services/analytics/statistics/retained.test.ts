import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cover, unitsFrom } from './cover.ts';
import { coverRetained, retainedFrom } from './retained.ts';

const day = 86_400_000_000;
const hour = 3_600_000_000;
const start = Date.UTC(2026, 4, 5) * 1_000;

test('a day is kept whole', () => {
  expect(retainedFrom(start / 1_000 + 5, 3)).toBe(start - 3 * day);
});

test('while everything is kept, a range is tiled as ever', () => {
  const [from, until] = [start + 7, start + 3 * day + 12_345];
  const retained = { clicksFrom: 0, minutesFrom: 0 };
  expect(coverRetained(from, until, unitsFrom('day'), retained)).toEqual(cover(from, until, unitsFrom('day')));
});

test('without minutes the clicks are read, without clicks the hours', () => {
  const retained = { clicksFrom: start, minutesFrom: start + day };
  const units = (from: number, until: number) =>
    coverRetained(from, until, unitsFrom('minute'), retained).map(({ unit }) => unit);
  expect(units(start - 2 * hour + 1, start)).toEqual(['hour']);
  expect(units(start, start + day)).toEqual(['click']);
  expect(units(start - hour, start + day + hour)).toEqual(['hour', 'click', 'minute']);
  // Not days, each of which would be one point of a series of hours.
  expect(units(start - 2 * day, start)).toEqual(['hour']);
});

test('whatever is gone, ranges side by side add up to the whole, and nothing is asked that is not there', () => {
  const moment = fc.integer({ min: start - 3 * day, max: start + 3 * day });
  const units = fc.constantFrom(unitsFrom('day'), unitsFrom('hour'), unitsFrom('minute'), [
    'day',
    'hour',
    'click',
  ] as const);
  // Minutes may also be kept for longer than clicks.
  const ahead = fc.integer({ min: -1, max: 2 });
  fc.assert(
    fc.property(moment, moment, moment, units, ahead, (a, b, c, of, days) => {
      const [from = 0, middle = 0, until = 0] = [a, b, c].sort((x, y) => x - y);
      const retained = { clicksFrom: start, minutesFrom: start + days * day };
      const length = (lower: number, upper: number) =>
        coverRetained(lower, upper, of, retained).reduce(
          (sum, { from, until, less }) => sum + (less ? from - until : until - from),
          0,
        );
      expect(length(from, middle) + length(middle, until)).toBe(length(from, until));
      const [first, last] = [from - (from % hour), until - (until % hour)];
      expect(length(first, last)).toBe(last - first);
      for (const piece of coverRetained(from, until, of, retained)) {
        if (piece.unit === 'click') expect(piece.from).toBeGreaterThanOrEqual(retained.clicksFrom);
        if (piece.unit === 'minute') expect(piece.from).toBeGreaterThanOrEqual(retained.minutesFrom);
      }
    }),
  );
});
