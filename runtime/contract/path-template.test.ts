import { describe, expect, test } from 'vitest';
import { compareTemplates, parsePathTemplate, pathPattern } from './path-template.ts';

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
