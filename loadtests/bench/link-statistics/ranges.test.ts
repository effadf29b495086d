import { expect, it } from 'vitest';
import { CUT_DAYS, DAY, queryOf, rangesFrom } from './ranges.ts';
import { DAYS } from './ten-million.ts';

const first = Date.UTC(2026, 0, 1) * 1_000;

it('cuts only days whose clicks are there, and lies within the month', () => {
  for (const { name, from = first, until = first + DAYS * DAY } of rangesFrom(first)) {
    expect(from, name).toBeLessThan(until);
    for (const at of [from, until]) {
      const day = (at - first) / DAY;
      expect(day, name).toBeGreaterThanOrEqual(0);
      expect(day, name).toBeLessThanOrEqual(DAYS);
      if (!Number.isInteger(day)) expect(CUT_DAYS, name).toContain(Math.floor(day));
    }
  }
});

it('is asked for to the microsecond', () => {
  expect(queryOf({ from: first + 1, until: first + 1_500_000 })).toBe(
    'from=2026-01-01T00%3A00%3A00.000001Z&to=2026-01-01T00%3A00%3A01.500000Z',
  );
  expect(queryOf({ timezone: 'Asia/Kolkata', interval: 'hour' })).toBe('interval=hour&timezone=Asia%2FKolkata');
});
