import { expect, it } from 'vitest';
import { duration, endMoment, linkName, zonedMoment } from './arguments.ts';

it('lengths of time', () => {
  expect(['90', '90s', '15m', '2w'].map(duration)).toEqual([90, 90, 900, 1_209_600]);
  expect(() => duration('soon')).toThrow('7d');
});

it('moments: dates, and so long ago', () => {
  expect(zonedMoment('1h', 7_200_000)().getTime()).toBe(3_600_000);
  expect(zonedMoment('2026-01-31')().getDate()).toBe(31);
  expect(() => zonedMoment('tomorrow')).toThrow('2026-01-31');
});

it('ends: dates, and in so long', () => {
  expect(endMoment('90d', 0).toISOString()).toBe('1970-04-01T00:00:00.000Z');
  expect(endMoment('2026-01-31T17:05Z').toISOString()).toBe('2026-01-31T17:05:00.000Z');
  expect(() => endMoment('tomorrow')).toThrow('a length of time from now: 90d');
});

it.each([
  ['2026-01-31', 'Europe/Zurich', '2026-01-30T23:00:00.000Z'],
  ['2026-07-31', 'Europe/Zurich', '2026-07-30T22:00:00.000Z'],
  ['2026-01-31 17:05', 'Asia/Kolkata', '2026-01-31T11:35:00.000Z'],
  ['2026-01-31T17:05:09.25', 'America/New_York', '2026-01-31T22:05:09.250Z'],
  ['2026-01-31T17:05:09.979123Z', 'Europe/Zurich', '2026-01-31T17:05:09.979Z'],
  // What says its offset means no other zone.
  ['2026-01-31T17:05Z', 'Europe/Zurich', '2026-01-31T17:05:00.000Z'],
  ['2026-01-31T17:05+02:00', 'Europe/Zurich', '2026-01-31T15:05:00.000Z'],
  // Twice that night, and never that one.
  ['2026-10-25T02:30', 'Europe/Zurich', '2026-10-25T00:30:00.000Z'],
  ['2026-03-29T02:30', 'Europe/Zurich', '2026-03-29T01:30:00.000Z'],
  // A day that begins at one o'clock.
  ['2026-03-08', 'America/Havana', '2026-03-08T05:00:00.000Z'],
])('%s in %s', (text, zone, instant) => {
  expect(zonedMoment(text)(zone).toISOString()).toBe(instant);
});

it('no days, times and zones that there are not', () => {
  for (const none of ['2026-02-31', '2026-02-29T10:00', '2026-04-31T10:00Z', '2026-01-31T24:00'])
    expect(() => zonedMoment(none), none).toThrow('no such day or time');
  for (const none of ['2026-13-01', '2026-1-31', '2026-01-31T10:00+99:00', '2026-01-31 noon'])
    expect(() => zonedMoment(none), none).toThrow('A moment is');
  expect(() => zonedMoment('2026-01-31')('Europe/Bern')).toThrow('There is no time zone "Europe/Bern"');
});

it('links by code and by short link', () => {
  expect(linkName('spring')).toEqual({ code: 'spring' });
  expect(linkName('https://hop.example.org/r/caf%C3%A9+')).toEqual({ code: 'café', domain: 'hop.example.org' });
  for (const none of ['https://', 'https://hop.example.org/', 'https://hop.example.org/%E0'])
    expect(() => linkName(none)).toThrow('is no short link');
});
