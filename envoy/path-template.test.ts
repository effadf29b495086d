import { describe, expect, test } from 'vitest';
import { compareTemplates, parsePathTemplate, pathPattern } from './path-template.ts';
import { codeSegment, plainQuery } from './url-syntax.ts';

describe('a path template', () => {
  test.each([
    ['/', '/', []],
    ['/readyz', '/readyz', []],
    ['/{code}', '/[^/]+', ['code']],
    ['/.well-known/jwks.json', '/\\.well-known/jwks\\.json', []],
    ['/api/v1/urls/{code}:undelete', '/api/v1/urls/[^/]+:undelete', ['code']],
    ['/api/{a=*}/{b=**}', '/api/[^/]+/.*', ['a', 'b']],
  ])('%s', (text, pattern, variables) => {
    const template = parsePathTemplate(text);
    expect([pathPattern(template), template.variables]).toEqual([pattern, variables]);
  });

  test.each(['api', '/{a=b/*}', '/{}', '/a//b', '/a b', '/{rest=**}/x', '/{A}', '/a?b'])(
    '%s is not one that routes are made from',
    (text) => {
      expect(() => parsePathTemplate(text)).toThrow();
    },
  );

  test.each([
    ['/a', '/a', 'same'],
    ['/a', '/b', 'apart'],
    ['/a', '/a/b', 'apart'],
    ['/a', '/{x}', 'narrower'],
    ['/{x}', '/a', 'wider'],
    ['/{x}', '/{y}', 'same'],
    ['/{x}/a', '/b/{y}', 'across'],
    ['/{x}', '/{y=**}', 'narrower'],
    ['/', '/{y=**}', 'narrower'],
    ['/a/{y=**}', '/{y=**}', 'narrower'],
    ['/a/{x}', '/{y}/{z=**}', 'narrower'],
    ['/{x}:go', '/{y}', 'narrower'],
    ['/{x}', '/{y}:go', 'wider'],
    ['/{x}:go', '/{y}:stop', 'apart'],
    ['/a:go', '/a', 'apart'],
  ])('%s against %s: %s', (a, b, relation) => {
    expect(compareTemplates(parsePathTemplate(a), parsePathTemplate(b))).toBe(relation);
  });
});

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
