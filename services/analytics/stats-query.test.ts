import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HopError } from '#runtime/errors/errors.ts';
import type { Piece } from './cover.ts';
import { mostPoints, planStats, type StatsQuestion } from './stats-query.ts';
import { intervals } from './zone.ts';

const us = (text: string): number => Date.parse(text) * 1_000;
const now = us('2026-05-20T10:30:00Z') + 123;
const question = (changes: Partial<StatsQuestion> = {}): StatsQuestion => ({
  from: undefined,
  to: undefined,
  interval: undefined,
  timezone: undefined,
  linkCreatedAt: us('2026-05-18T08:15:30Z') + 7,
  now,
  ...changes,
});
const lengthOf = (pieces: readonly Piece[]): number =>
  pieces.reduce((sum, piece) => sum + (piece.less ? -1 : 1) * (piece.until - piece.from), 0);
const text = (at: number): string => new Date(at / 1_000).toISOString();

test('without a range it reaches from the making of the link until now, and is read from the days alone', () => {
  const { starts, series, breakdown } = planStats(question());
  expect(starts.map(text)).toEqual([
    '2026-05-18T00:00:00.000Z',
    '2026-05-19T00:00:00.000Z',
    '2026-05-20T00:00:00.000Z',
  ]);
  const whole = [{ unit: 'day', from: us('2026-05-18T00:00Z'), until: us('2026-05-21T00:00Z') }];
  expect(series).toEqual(whole);
  expect(breakdown).toEqual(whole);
});

test('a link that was made this moment, or by a clock that is ahead, has one point', () => {
  expect(planStats(question({ linkCreatedAt: now })).starts).toHaveLength(1);
  expect(planStats(question({ linkCreatedAt: now + 5_000_000 })).starts).toHaveLength(1);
});

test('a range that is said is kept to the microsecond', () => {
  const from = us('2026-05-19T05:10:00Z') + 1;
  const until = us('2026-05-19T07:20:00Z') + 2;
  const { starts, series, breakdown } = planStats(question({ from, to: until, interval: 'hour' }));
  expect(starts.map(text).map((start) => start.slice(11, 16))).toEqual(['05:00', '06:00', '07:00']);
  expect(series.map(({ unit }) => unit)).toEqual(['minute', 'click', 'hour', 'minute', 'click']);
  expect(breakdown.map(({ unit }) => unit)).toEqual(['click', 'hour', 'click']);
  for (const pieces of [series, breakdown]) expect(lengthOf(pieces)).toBe(until - from);
});

test('in a zone of half hours minutes are read of the hours that days begin in, and of no others', () => {
  const [from, to] = [us('2026-05-01T00:00Z'), us('2026-05-20T00:00Z')];
  const { starts, series } = planStats(question({ from, to, timezone: 'Asia/Kolkata', linkCreatedAt: 0 }));
  expect(starts.slice(1)).toHaveLength(19);
  expect(lengthOf(series.filter(({ unit }) => unit === 'minute'))).toBe(19 * 3_600_000_000);
  expect(lengthOf(series)).toBe(to - from);
});

test.each([
  ['UTC', 'day'],
  ['Europe/Berlin', 'hour'],
  ['Asia/Kolkata', 'minute'],
])('days in %s are read by %s', (timezone, unit) => {
  const { series } = planStats(question({ timezone, interval: 'day' }));
  expect(series.map((piece) => piece.unit)).toContain(unit);
});

describe('refuses, and names the field', () => {
  test.each<[string, string, Partial<StatsQuestion>]>([
    ['from', 'RANGE_INVALID', { from: us('2026-05-20T00:00Z'), to: us('2026-05-19T00:00Z') }],
    ['from', 'RANGE_INVALID', { from: us('2026-05-20T00:00Z'), to: us('2026-05-20T00:00Z') }],
    ['from', 'RANGE_INVALID', { from: us('2027-01-01T00:00Z') }],
    ['from', 'RANGE_INVALID', { from: -1 }],
    ['to', 'RANGE_INVALID', { to: 9e15 }],
    ['interval', 'INTERVAL_INVALID', { interval: 'fortnight' }],
    ['interval', 'INTERVAL_INVALID', { interval: '' }],
    ['interval', 'INTERVAL_INVALID', { interval: 'minute', from: us('2026-01-01T00:00Z') }],
    ['timezone', 'TIMEZONE_INVALID', { timezone: 'Mars/Olympus' }],
    ['timezone', 'TIMEZONE_INVALID', { timezone: '' }],
  ])('%s: %s', (field, reason, changes) => {
    const fault = (() => {
      try {
        planStats(question(changes));
      } catch (error) {
        return error;
      }
    })();
    expect(fault).toBeInstanceOf(HopError);
    expect(fault).toMatchObject({ kind: 'invalid', reason, violations: [{ field }] });
  });

  test('a range that ends before the link was made is no error: there is nothing in it', () => {
    const range = { from: us('2026-05-01T00:00Z'), to: us('2026-05-03T00:00Z') };
    expect(planStats(question(range)).starts).toHaveLength(2);
  });

  test('as many points as may be are answered', () => {
    const from = us('2026-05-20T10:00Z') - mostPoints * 60_000_000;
    expect(planStats(question({ from, to: us('2026-05-20T10:00Z'), interval: 'minute' })).starts).toHaveLength(
      mostPoints,
    );
  });
});

test('whatever is asked, points ascend, cover the range, and the pieces make up what is asked', () => {
  const zones = fc.constantFrom(
    'UTC',
    'Europe/Berlin',
    'America/St_Johns',
    'Asia/Kathmandu',
    'Pacific/Apia',
    'Australia/Lord_Howe',
  );
  const moment = fc.integer({ min: us('2026-03-01T00:00Z'), max: us('2026-05-15T00:00Z') });
  fc.assert(
    fc.property(
      moment,
      fc.integer({ min: 1, max: 5 * 86_400_000_000 }),
      fc.constantFrom(...intervals),
      zones,
      (from, length, interval, timezone) => {
        const until = from + length;
        const { starts, series, breakdown } = planStats(
          question({ from, to: until, interval, timezone, linkCreatedAt: 0 }),
        );
        expect(starts[0]).toBeLessThanOrEqual(from);
        expect(starts.at(-1)).toBeLessThan(until);
        expect(starts.every((start, index) => index === 0 || start > (starts[index - 1] ?? 0))).toBe(true);
        for (const pieces of [series, breakdown]) {
          expect(lengthOf(pieces)).toBe(length);
          expect(pieces.flatMap((piece) => [piece.from, piece.until])).toEqual(expect.arrayContaining([from, until]));
        }
        // No row of a rollup may lie across the start of a point; the first has all that is before the second.
        for (const { unit, from: first, until: last } of series) {
          const width = { click: 1, minute: 60_000_000, hour: 3_600_000_000, day: 86_400_000_000 }[unit];
          for (const start of starts.slice(1)) if (start > first && start < last) expect(start % width).toBe(0);
        }
      },
    ),
  );
});
