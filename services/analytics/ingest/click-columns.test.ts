import { expect, test } from 'vitest';
import { soundBatch, testClick } from '../testing/clicks.ts';
import { textColumns } from './click-batch.ts';
import { type ClickColumns, columnsOf, inOrder } from './click-columns.ts';

const atUs = Date.UTC(2026, 4, 5) * 1_000;

function rowsOf(columns: ClickColumns): Record<string, unknown>[] {
  const { size, dictionary, at, requestIds, visitor, flags, edgeId, texts } = columns;
  return Array.from({ length: size }, (_, row) => ({
    ...{ at: at[row], visitor: visitor[row], flags: flags[row], edge: dictionary[edgeId[row] ?? 0] },
    requestId: requestIds.toString('hex', row * 16, row * 16 + 16),
    ...Object.fromEntries(textColumns.map((name) => [name, dictionary[texts[name][row] ?? 0]])),
  }));
}

test('the clicks of several messages stand one behind the other, whatever the dictionary of each', () => {
  const clicks = [...'abcde'].map((letter, n) => testClick({ browser: letter, flags: n, visitor: BigInt(n) }));
  const apart = rowsOf(columnsOf([soundBatch(clicks.slice(0, 2)), soundBatch(clicks.slice(2))]));
  expect(apart).toEqual(rowsOf(columnsOf([soundBatch(clicks)])));
  expect(apart.map(({ browser, flags, visitor, edge }) => [browser, flags, visitor, edge])).toEqual(
    [...'abcde'].map((letter, n) => [letter, n, BigInt(n), 'edge-1']),
  );
});

test('clicks are ordered by the id of their link, then by time, then by request', () => {
  const [first, second] = ['0192f0c1-0000-7333-8444-000000000001', '0192f0c1-0000-7333-8444-000000000002'];
  const click = (linkId: string, after: number, request: string) =>
    testClick({ linkId, atUs: atUs + after, requestId: request.padStart(32, '0') });
  const clicks = [click(second, 0, '1'), click(first, 5, '2'), click(first, 0, 'b'), click(first, 0, 'a')];
  expect(inOrder(columnsOf([soundBatch(clicks)]), [0, 1, 2, 3])).toEqual([3, 2, 1, 0]);
});
