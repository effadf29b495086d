import { invalid } from '../errors/errors.ts';

const largestPage = 1_000;

/** The number of rows of a page: `usual` if the request says nothing (0), never more than 1,000. Throws INVALID_ARGUMENT for a negative number. */
export function pageSizeOf(asked: number, usual: number): number {
  if (asked < 0) throw invalid('page_size', 'must not be negative');
  return Math.min(asked || usual, largestPage);
}
