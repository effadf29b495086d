import { expect, test } from 'vitest';
import { clickTokens } from './page-token.ts';

const position = { atUs: 1_777_000_000_123_456, skip: 2 };
const token = clickTokens.write(['a'], position);

test('a token leads back to the click, to the microsecond', () => {
  expect(clickTokens.read(['a'], token)).toEqual(position);
});

test('a time beyond all is refused', () => {
  const start = Buffer.from(token, 'base64url').toString().slice(0, 17);
  const beyond = Buffer.from(`${start}9999999999999999.0`).toString('base64url');
  expect(() => clickTokens.read(['a'], beyond)).toThrow(expect.objectContaining({ reason: 'PAGE_TOKEN_INVALID' }));
});
