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
const signedLength = (sum: number, { less, from, until }: Piece): number => sum + (less ? from - until : until - from);
/** What is shifted is in it already. */
const lengthOf = (pieces: readonly Piece[]): number => pieces.filter(({ shift }) => !shift).reduce(signedLength, 0);
const shiftedLength = (pieces: readonly Piece[]): number => pieces.filter(({ shift }) => shift).reduce(signedLength, 0);
const text = (at: number): string => new Date(at / 1_000).toISOString();

test('without a range it reaches from the making of the link until now and a day beyond, and is read from the days alone', () => {
  const { starts, series, breakdown } = planStats(question());
  expect(starts.map(text)).toEqual([
    '2026-05-18T00:00:00.000Z',
    '2026-05-19T00:00:00.000Z',
    '2026-05-20T00:00:00.000Z',
  ]);
  const whole = [{ unit: 'day', from: us('2026-05-17T00:00Z'), until: us('2026-05-22T00:00Z') }];
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

describe('in a zone of half hours, days are read by the hour, and only what of an hour belongs to the next day', () => {
  const half = 1_800_000_000;
  const planned = (from: number, to: number, interval = 'day') =>
    planStats(
      question({
        ...{ from, to, interval, timezone: 'Asia/Kolkata', linkCreatedAt: 0 },
        retained: { clicksFrom: 0, minutesFrom: us('2026-04-15T00:00Z') },
      }),
    );

  test('by the minute, while minutes are kept', () => {
    const [from, to] = [us('2026-05-01T00:00Z'), us('2026-05-20T00:00Z')];
    const { starts, series } = planned(from, to);
    expect(starts.slice(1)).toHaveLength(19);
    expect(series.filter(({ shift }) => !shift).map(({ unit }) => unit)).toEqual(['hour']);
    expect(shiftedLength(series.filter(({ unit }) => unit === 'minute'))).toBe(19 * half);
    expect(lengthOf(series)).toBe(to - from);
  });

  test.each([
    ['day', 365, 35],
    ['month', 12, 1],
  ])('click by click before them: of a year by %s %d half hours', (interval, cuts, inMinutes) => {
    const [from, to] = [us('2025-05-20T00:00Z'), us('2026-05-20T00:00Z')];
    const { series } = planned(from, to, interval);
    expect(series.filter(({ shift }) => !shift).every(({ unit }) => unit === 'hour')).toBe(true);
    expect(shiftedLength(series.filter(({ unit }) => unit === 'minute'))).toBe(inMinutes * half);
    expect(shiftedLength(series)).toBe(cuts * half);
    expect(lengthOf(series)).toBe(to - from);
  });

  test('an end that is open is read by whole days', () => {
    const { series } = planStats(question({ timezone: 'Asia/Kolkata' }));
    expect(series.filter(({ shift }) => !shift)).toEqual([
      { unit: 'hour', from: us('2026-05-17T00:00Z'), until: us('2026-05-22T00:00Z') },
    ]);
  });
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
        // What is shifted is taken from the row of its hour, which is read.
        const hours = series.filter(({ unit, less, shift }) => unit === 'hour' && !less && !shift);
        for (const { shift } of series)
          if (shift) expect(hours.some((row) => row.from <= shift.to && shift.to < row.until)).toBe(true);
        // No row of a rollup may lie across the start of a point, unless what comes after it is shifted; the first has all that is before the second.
        const shifted = new Set(series.map(({ shift }) => shift?.to));
        for (const { unit, from: first, until: last } of series.filter(({ shift }) => !shift)) {
          const width = { click: 1, minute: 60_000_000, hour: 3_600_000_000, day: 86_400_000_000 }[unit];
          for (const start of starts.slice(1))
            if (start > first && start < last && !shifted.has(start)) expect(start % width).toBe(0);
        }
      },
    ),
  );
});
