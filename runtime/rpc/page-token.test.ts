import { expect, test } from 'vitest';
import { HopError } from '../errors/errors.ts';
import { rowTokens } from './page-token.ts';

const place = { at: new Date('2026-03-02T09:30:00.123Z'), id: '0199f3c1-6b20-7c11-8e6d-1d7a3c5b9f21' };

test('a token leads back to where it was made', () => {
  expect(rowTokens.read(['a', true], rowTokens.write(['a', true], place))).toEqual(place);
});

const good = rowTokens.write(['a', true], place);
const text = Buffer.from(good, 'base64url').toString();
const written = (changed: string): string => Buffer.from(changed).toString('base64url');

test('a token with any one character changed is refused', () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const changed = [...good].flatMap((letter, at) =>
    [...alphabet].filter((other) => other !== letter).map((other) => good.slice(0, at) + other + good.slice(at + 1)),
  );
  for (const token of changed) expect(() => rowTokens.read(['a', true], token), token).toThrow(HopError);
});

test.each([
  ['of another list', rowTokens.write(['b', true], place)],
  ['of another filter', rowTokens.write(['a', false], place)],
  ['cut', good.slice(0, -3)],
  ['longer', `${good}AAAA`],
  ['empty', ''],
  ['not base64', '%%%'],
  ['of other text', written('hello')],
  ['without a place', written(text.slice(0, 17))],
  ['with another time', written(text.replace(/\.\d+\./, '.1772443800124.'))],
  ['with another id', written(text.replace(/1$/, '2'))],
  ['with a time beyond all', rowTokens.write(['a', true], { ...place, at: { getTime: () => 1e16 - 1 } as Date })],
  ['with a line break behind it', `${good}\n`],
  ['with padding', `${good}==`],
  ['huge', 'A'.repeat(100_000)],
  ['with a NUL', written('\0')],
])('a token %s is refused', (_, token) => {
  const read = (): unknown => rowTokens.read(['a', true], token);
  expect(read).toThrow(HopError);
  expect(read).toThrow(expect.objectContaining({ reason: 'PAGE_TOKEN_INVALID' }));
});
