import { describe, expect, test } from 'vitest';
import { codeSegment, plainQuery } from './url-syntax.ts';

describe('a code in a path', () => {
  const matches = (text: string) => new RegExp(`^/${codeSegment}${plainQuery}$`).test(text);
  test.each([
    '/abc',
    '/a_b-c',
    '/abc+',
    '/%C3%A9',
    '/%f0%9f%98%80',
    '/%41',
    '/abc?',
    '/abc?a',
    '/abc?a=%C3&b',
    '/abc?&&a=b&=c&',
  ])('%s', (path) => {
    expect(matches(path)).toBe(true);
  });
  test.each([
    '/',
    '/a.b',
    '/a/b',
    '/a+b',
    '/%',
    '/%4',
    '/%00',
    '/%7f',
    '/%ff',
    '/%c0%80',
    '/%ed%a0%80',
    '/%f5%80%80%80',
    '/a?c%6Fde=x',
    '/a?b=1&c%6Fde',
  ])('not %s', (path) => {
    expect(matches(path)).toBe(false);
  });
});
