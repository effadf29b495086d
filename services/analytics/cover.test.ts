import fc from 'fast-check';
import { expect, test } from 'vitest';
import { coarsestFor, cover, unitsFrom } from './cover.ts';

const widths = { click: 1, minute: 60_000_000, hour: 3_600_000_000, day: 86_400_000_000 };
const moment = fc.oneof(
  fc.integer({ min: 1_577_836_800_000_000, max: 1_900_000_000_000_000 }),
  fc.integer({ min: 26_297_280, max: 31_000_000 }).map((minute) => minute * widths.minute),
  fc.integer({ min: 438_288, max: 520_000 }).map((hour) => hour * widths.hour),
  fc.integer({ min: 18_262, max: 21_000 }).map((day) => day * widths.day),
);

test('pieces tile the range, each of whole units', () => {
  fc.assert(
    fc.property(moment, moment, fc.constantFrom('day', 'hour', 'minute', 'click'), (a, b, unit) => {
      const [from, until] = [Math.min(a, b), Math.max(a, b)];
      const pieces = cover(from, until, unitsFrom(unit));
      let end = from;
      for (const piece of pieces) {
        expect(piece.from).toBe(end);
        expect(piece.until).toBeGreaterThan(piece.from);
        expect(piece.from % widths[piece.unit]).toBe(0);
        expect(piece.until % widths[piece.unit]).toBe(0);
        end = piece.until;
      }
      expect(end).toBe(until);
      expect(pieces.length).toBeLessThanOrEqual(7);
    }),
  );
});

test('the clicks themselves are read for less than a minute at each end, when minutes may be', () => {
  fc.assert(
    fc.property(moment, moment, (a, b) => {
      const pieces = cover(Math.min(a, b), Math.max(a, b), unitsFrom('day'));
      for (const { unit, from, until } of pieces) {
        if (unit === 'click') expect(until - from).toBeLessThan(2 * widths.minute);
      }
    }),
  );
});

test('an empty or reversed range has no pieces', () => {
  expect(cover(5, 5, unitsFrom('day'))).toEqual([]);
  expect(cover(6, 5, unitsFrom('day'))).toEqual([]);
});

test('the coarsest unit is the one that no moment cuts', () => {
  const { minute, hour, day } = widths;
  expect(coarsestFor([])).toBe('day');
  expect(coarsestFor([2 * day, 3 * day])).toBe('day');
  expect(coarsestFor([2 * day, 3 * hour])).toBe('hour');
  expect(coarsestFor([2 * day, 330 * minute])).toBe('minute');
  expect(coarsestFor([1])).toBe('click');
});
