import { describe, expect, it } from 'vitest';
import { customRange, dayText, periodBefore, presetRange, rangeOf, searchOf } from './range.ts';

/** A Sunday in the zone of the machine, as all of it. */
const now = new Date(2026, 2, 29, 15, 20);

describe('a usual range', () => {
  it.each([
    ['24h', new Date(2026, 2, 28, 16), 'hour'],
    ['7d', new Date(2026, 2, 23), 'day'],
    ['30d', new Date(2026, 1, 28), 'day'],
    ['90d', new Date(2025, 11, 30), 'day'],
    ['12m', new Date(2025, 3, 1), 'month'],
  ] as const)('%s begins where a point begins, and holds the one that is going on', (name, from, interval) => {
    expect(presetRange(name, now)).toEqual({ name, from, to: undefined, interval });
  });
});

describe('any days', () => {
  it('are both in it, and end at midnight', () => {
    expect(customRange('2026-03-01', '2026-03-07', now)).toEqual({
      name: 'custom',
      from: new Date(2026, 2, 1),
      to: new Date(2026, 2, 8),
      interval: 'day',
    });
  });

  it('that reach until today end now', () => {
    expect(customRange('2026-03-28', '2026-03-29', now)).toMatchObject({ to: undefined, interval: 'hour' });
    expect(customRange('2026-03-28', null, now)?.to).toBeUndefined();
  });

  it.each([
    ['2026-01-01', '2026-01-02', 'hour'],
    ['2026-01-01', '2026-03-31', 'day'],
    ['2025-01-01', '2026-03-01', 'week'],
    ['2020-01-01', '2026-03-01', 'month'],
  ])('from %s to %s are drawn by the %s', (from, to, interval) => {
    expect(customRange(from, to, now)?.interval).toBe(interval);
  });

  it.each([
    ['2026-03-07', '2026-03-01'],
    ['2026-03-30', null],
    ['2026-02-30', null],
    ['1969-12-31', null],
    ['yesterday', '2026-03-01'],
    [null, '2026-03-01'],
  ])('from %s to %s are no range', (from, to) => {
    expect(customRange(from, to, now)).toBeUndefined();
  });
});

describe('an address', () => {
  it.each(['', 'range=24h', 'range=7d', 'range=12m', 'from=2026-03-01&to=2026-03-07', 'from=2026-03-20'])(
    '"%s" says a range, and is said by it',
    (search) => {
      expect(searchOf(rangeOf(search, now))).toBe(search);
    },
  );

  it.each(['range=forever', 'from=&to=', 'from=2026-03-07&to=2026-03-01'])('"%s" says the usual one', (search) => {
    expect(rangeOf(search, now).name).toBe('30d');
  });
});

describe('the time before', () => {
  it('is as long, and ends where the range begins', () => {
    const range = customRange('2026-02-08', '2026-02-14', now);
    expect(range && periodBefore(range, now)).toEqual({ from: new Date(2026, 1, 1), to: new Date(2026, 1, 8) });
  });

  it('of a range that goes on stays the same for an hour', () => {
    const before = (minute: number) => {
      const at = new Date(2026, 2, 29, 15, minute);
      return periodBefore(presetRange('24h', at), at);
    };
    expect(before(1)).toEqual(before(59));
    expect(before(1)).toEqual({ from: new Date(2026, 2, 27, 16), to: new Date(2026, 2, 28, 16) });
  });
});

it('a day is written as a date field has it', () => {
  expect(dayText(new Date(2026, 0, 5, 23, 59))).toBe('2026-01-05');
});
