import fc from 'fast-check';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { mostPoints, pointsOf } from './stats-query.ts';
import { type Interval, intervals, type Zone, zoneOf } from './zone.ts';

const zones = Intl.supportedValuesOf('timeZone');
const minute = 60_000;
const hour = 60 * minute;
const moment = fc.integer({ min: Date.UTC(2005, 0), max: Date.UTC(2035, 0) });

function zone(name: string): Zone {
  const found = zoneOf(name);
  if (!found) throw new Error(`${name} is not known`);
  return found;
}

/** The clock on the wall, as text: 2026-03-29 00:00:00 */
function wall(name: string, at: number): string {
  return new Date(at).toLocaleString('sv-SE', { timeZone: name });
}

test('what is no zone is refused', () => {
  for (const name of ['', 'Mars/Olympus', 'Europe/Berlin ', '../etc', 'UTC; drop table', '\0']) {
    expect(zoneOf(name), name).toBeUndefined();
  }
});

test('in every zone, intervals tile time', () => {
  fc.assert(
    fc.property(fc.constantFrom(...zones), fc.constantFrom(...intervals), moment, (name, interval, at) => {
      const { startOf, next } = zone(name);
      const start = startOf(interval, at);
      const end = next(interval, start);
      expect(start).toBeLessThanOrEqual(at);
      expect(end).toBeGreaterThan(at);
      expect(startOf(interval, start)).toBe(start);
      expect(startOf(interval, end - 1)).toBe(start);
      expect(startOf(interval, end)).toBe(end);
    }),
    { numRuns: 2_000 },
  );
});

test('in every zone, a day begins when the date on the wall changes', () => {
  fc.assert(
    fc.property(fc.constantFrom(...zones), moment, (name, at) => {
      const start = zone(name).startOf('day', at);
      expect(wall(name, start).slice(0, 10)).toBe(wall(name, at).slice(0, 10));
      expect(wall(name, start - 1).slice(0, 10) < wall(name, start).slice(0, 10)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test('in every zone, weeks begin on Mondays and months on the first', () => {
  fc.assert(
    fc.property(fc.constantFrom(...zones), moment, (name, at) => {
      const { startOf } = zone(name);
      const monday = new Date(startOf('week', at)).toLocaleString('en-US', { timeZone: name, weekday: 'short' });
      expect(monday).toBe('Mon');
      expect(wall(name, startOf('month', at)).slice(8, 10)).toBe('01');
    }),
    { numRuns: 1_000 },
  );
});

describe('where clocks change', () => {
  const length = (name: string, interval: Interval, at: string): number => {
    const { startOf, next } = zone(name);
    const start = startOf(interval, Date.parse(at));
    return next(interval, start) - start;
  };

  test.each([
    ['Europe/Berlin', '2026-03-29T12:00Z', 23],
    ['Europe/Berlin', '2026-10-25T12:00Z', 25],
    ['America/New_York', '2026-03-08T12:00Z', 23],
    ['Australia/Lord_Howe', '2026-04-05T00:00Z', 24.5],
    // The clock jumps over midnight: the day begins at 1 o'clock.
    ['America/Santiago', '2026-09-06T12:00Z', 23],
    ['Africa/Cairo', '2026-04-24T12:00Z', 23],
    // Midnight comes twice: the day begins with the first.
    ['Atlantic/Azores', '2026-10-25T12:00Z', 25],
    ['Asia/Kolkata', '2026-05-05T12:00Z', 24],
  ])('%s: the day of %s has %d hours', (name, at, hours) => {
    expect(length(name, 'day', at)).toBe(hours * hour);
  });

  test('a day that a zone left out has no point', () => {
    const { startOf, next } = zone('Pacific/Apia');
    const before = startOf('day', Date.parse('2011-12-29T20:00:00-10:00'));
    expect(wall('Pacific/Apia', next('day', before)).slice(0, 10)).toBe('2011-12-31');
  });

  test('hours are hours, and begin with the clock on the wall', () => {
    expect(length('Europe/Berlin', 'hour', '2026-10-25T00:30Z')).toBe(hour);
    expect(length('Europe/Berlin', 'hour', '2026-10-25T01:30Z')).toBe(hour);
    expect(zone('Asia/Kolkata').startOf('hour', Date.parse('2026-05-05T12:00Z'))).toBe(Date.parse('2026-05-05T11:30Z'));
    // Also those after one in which the clock was set back by half an hour.
    const { startOf, next } = zone('Australia/Lord_Howe');
    let start = startOf('hour', Date.parse('2026-04-04T12:00Z'));
    for (let point = 0; point < 6; point++) start = next('hour', start);
    expect(wall('Australia/Lord_Howe', start)).toMatch(/:00:00$/);
  });
});

test('ten years of days in a zone are ten years', () => {
  const { startOf, next } = zone('America/Sao_Paulo');
  const end = startOf('day', Date.UTC(2020, 5, 15, 12));
  let days = 0;
  for (let at = startOf('day', Date.UTC(2010, 5, 15, 12)); at < end; at = next('day', at)) days++;
  expect(days).toBe(3_653);
});

describe('what formatting costs', () => {
  const formatted = vi.spyOn(Intl.DateTimeFormat.prototype, 'formatToParts');
  afterAll(() => formatted.mockRestore());
  const until = Date.UTC(2026, 10, 29) * 1_000;
  const planDays = (name: string, days: number): number => {
    formatted.mockClear();
    return pointsOf(until - days * 86_400_000_000, until, 'day', zone(name)).length;
  };

  test('a long series is planned with less than one look at the clock for each day, and none the next time', () => {
    expect(planDays('Europe/Berlin', 9_990)).toBe(9_991);
    expect(formatted.mock.calls.length).toBeLessThan(9_990);
    expect(planDays('Europe/Berlin', 9_000)).toBe(9_001);
    expect(formatted.mock.calls.length).toBeLessThan(1_500);
  });

  test('a zone is looked at once, in whatever case it is written and however many others are asked for', () => {
    planDays('Asia/Tokyo', 9_990);
    for (const name of zones.slice(0, 100)) planDays(name, 1);
    expect(planDays('Asia/Tokyo', 9_000)).toBe(9_001);
    expect(formatted.mock.calls.length).toBeLessThan(100);
    expect(planDays('aSiA/tOkYo', 9_000)).toBe(9_001);
    expect(formatted.mock.calls.length).toBeLessThan(100);
  });

  test('a series that is far too long is refused before it is enumerated', () => {
    expect(() => planDays('Europe/Madrid', 2 * mostPoints)).toThrow('more than 10000 points');
    expect(formatted).not.toHaveBeenCalled();
  });
});
