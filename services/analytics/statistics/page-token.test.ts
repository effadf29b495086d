import { expect, test } from 'vitest';
import { clickTokens } from './page-token.ts';

const position = { atUs: 1_777_000_000_123_456, skip: 2 };
const token = clickTokens.write(['a'], position);

test('a token leads back to the click, to the microsecond', () => {
  expect(clickTokens.read(['a'], token)).toEqual(position);
});

test('a time beyond all is refused', () => {
  const beyond = clickTokens.write(['a'], { atUs: 1e16 - 1, skip: 0 });
  expect(() => clickTokens.read(['a'], beyond)).toThrow(expect.objectContaining({ reason: 'PAGE_TOKEN_INVALID' }));
});
