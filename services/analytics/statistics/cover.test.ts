import fc from 'fast-check';
import { expect, test } from 'vitest';
import { coarsestFor, cover, type Piece, type Unit, unitsFrom } from './cover.ts';

const widths = { click: 1, minute: 60_000_000, hour: 3_600_000_000, day: 86_400_000_000 };
const moment = fc.oneof(
  fc.integer({ min: 1_577_836_800_000_000, max: 1_900_000_000_000_000 }),
  fc.integer({ min: 26_297_280, max: 31_000_000 }).map((minute) => minute * widths.minute),
  fc.integer({ min: 438_288, max: 520_000 }).map((hour) => hour * widths.hour),
  fc.integer({ min: 18_262, max: 21_000 }).map((day) => day * widths.day),
);

const withoutMinutes: readonly Unit[] = ['day', 'hour', 'click'];
const units = fc.constantFrom(withoutMinutes, ...(['day', 'hour', 'minute', 'click'] as const).map(unitsFrom));

/** How often a moment is counted: what is taken off counts backwards. */
function timesCounted(pieces: readonly Piece[], at: number): number {
  const there = pieces.filter(({ from, until }) => from <= at && at < until);
  return there.reduce((sum, { less }) => sum + (less ? -1 : 1), 0);
}

test('pieces tile the range, each of whole units', () => {
  fc.assert(
    fc.property(moment, moment, units, (a, b, of) => {
      const [from, until] = [Math.min(a, b), Math.max(a, b)];
      const pieces = cover(from, until, of);
      for (const piece of pieces) {
        expect(piece.until).toBeGreaterThan(piece.from);
        expect(piece.from % widths[piece.unit]).toBe(0);
        expect(piece.until % widths[piece.unit]).toBe(0);
      }
      const cuts = [from, until, ...pieces.flatMap((piece) => [piece.from, piece.until])].sort((x, y) => x - y);
      for (const [place, cut] of cuts.entries()) {
        const next = cuts[place + 1] ?? cut;
        if (next > cut) expect([cut, timesCounted(pieces, cut)]).toEqual([cut, cut >= from && cut < until ? 1 : 0]);
      }
      expect(pieces.length).toBeLessThanOrEqual(7);
    }),
  );
});

test.each([
  { of: unitsFrom('day'), cut: 'minute' },
  { of: withoutMinutes, cut: 'hour' },
] as const)('of a $cut that is cut the shorter part is read click by click', ({ of, cut }) => {
  fc.assert(
    fc.property(moment, moment, (a, b) => {
      const single = cover(Math.min(a, b), Math.max(a, b), of).filter(({ unit }) => unit === 'click');
      const length = single.reduce((sum, { from, until }) => sum + until - from, 0);
      expect(length).toBeLessThanOrEqual(widths[cut]);
    }),
  );
});

test.each([
  { from: '00:10', until: '00:55', read: ['-click', '+hour', '-click'] },
  { from: '00:20', until: '00:45', read: ['+click'] },
  { from: '00:50', until: '02:10', read: ['+click', '+hour', '+click'] },
  { from: '00:00', until: '23:50', read: ['+day', '-click'] },
  { from: '00:40', until: '22:20', read: ['-hour', '+click', '+day', '+click', '-hour'] },
])('from $from until $until: $read', ({ from, until, read }) => {
  const [first = 0, last = 0] = [from, until].map((time) => Date.parse(`2026-05-05T${time}Z`) * 1_000);
  expect(cover(first, last, withoutMinutes).map(({ unit, less }) => `${less ? '-' : '+'}${unit}`)).toEqual(read);
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
