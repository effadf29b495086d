import { expect, it } from 'vitest';
import { browsable } from './open.ts';

it.each([
  ['http://localhost:8080/spring+', 'http://localhost:8080/spring+'],
  ['https://hop.example/größe', 'https://hop.example/gr%C3%B6%C3%9Fe'],
])('%s is opened', (address, opened) => {
  expect(browsable(address)).toBe(opened);
});

it.each([
  '',
  'spring',
  '--help',
  '/etc/passwd',
  'file:///etc/passwd',
  'javascript:alert(1)',
  'https://hop.example/a&calc.exe',
  'https://hop.example/?a=|calc',
])('%j is not', (address) => {
  expect(() => browsable(address)).toThrow('no short link');
});
