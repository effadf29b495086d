import { expect, test } from 'vitest';
import { HopError } from '#runtime/errors/errors.ts';
import { readPageToken, writePageToken } from './page-token.ts';

const position = { atUs: 1_777_000_000_123_456, skip: 2 };

test('a token leads back to where it was made', () => {
  expect(readPageToken(['a', true], writePageToken(['a', true], position))).toEqual(position);
});

const good = writePageToken(['a', true], position);
const written = (text: string): string => Buffer.from(text).toString('base64url');

test.each([
  ['of another link', writePageToken(['b', true], position)],
  ['of another filter', writePageToken(['a', false], position)],
  ['cut', good.slice(0, -3)],
  ['longer', `${good}AAAA`],
  ['not base64', '%%%'],
  ['of other text', written('hello')],
  ['with a time beyond all', written(`${Buffer.from(good, 'base64url').toString().slice(0, 17)}9999999999999999.0`)],
  ['huge', 'A'.repeat(100_000)],
  ['with a NUL', written('\0')],
])('a token %s is refused', (_, token) => {
  const read = (): unknown => readPageToken(['a', true], token);
  expect(read).toThrow(HopError);
  expect(read).toThrow(expect.objectContaining({ reason: 'PAGE_TOKEN_INVALID' }));
});
