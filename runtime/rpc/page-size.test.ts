import { expect, it } from 'vitest';
import { pageSizeOf } from './page-size.ts';

it('is what was asked for, what is usual where nothing was, and never more than a thousand', () => {
  expect([20, 0, 1_000, 1_001, 2_147_483_647].map((asked) => pageSizeOf(asked, 50))).toEqual([
    20, 50, 1_000, 1_000, 1_000,
  ]);
  expect(() => pageSizeOf(-1, 50)).toThrow(expect.objectContaining({ kind: 'invalid' }));
});
