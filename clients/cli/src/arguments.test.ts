import { expect, it } from 'vitest';
import { duration, linkName, moment } from './arguments.ts';

it('lengths of time', () => {
  expect(['90', '90s', '15m', '2w'].map(duration)).toEqual([90, 90, 900, 1_209_600]);
  expect(() => duration('soon')).toThrow('7d');
});

it('moments: dates, and so long ago', () => {
  expect(moment('1h', 7_200_000).getTime()).toBe(3_600_000);
  expect(moment('2026-01-31').getDate()).toBe(31);
  expect(() => moment('tomorrow')).toThrow('2026-01-31');
});

it('links by code and by short link', () => {
  expect(linkName('spring')).toEqual({ code: 'spring' });
  expect(linkName('https://hop.example.org/r/caf%C3%A9+')).toEqual({ code: 'café', domain: 'hop.example.org' });
  for (const none of ['https://', 'https://hop.example.org/', 'https://hop.example.org/%E0'])
    expect(() => linkName(none)).toThrow('is no short link');
});
