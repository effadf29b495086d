import { expect, it } from 'vitest';
import { bars, sparkline } from './pictures.ts';

const options = { width: 60, paint: (text: string) => text };

it('a sparkline shows what is little as more than nothing', () => {
  expect(sparkline([0, 1, 50, 100], 10)).toBe('▁▂▅█');
  expect(sparkline([0, 0], 10)).toBe('▁▁');
});

it('a sparkline adds values up when there are more than columns', () => {
  expect(sparkline([1, 1, 1, 1, 2, 2], 3)).toHaveLength(3);
  expect(sparkline(Array(1_000).fill(1), 60).length).toBeLessThanOrEqual(60);
});

it('bars stand under each other with figure and share', () => {
  const lines = bars(
    [
      { label: 'Firefox', value: 1_200 },
      { label: 'Safari', value: 300 },
    ],
    1_500,
    options,
  );
  expect(lines).toEqual([
    `  Firefox  ${'█'.repeat(36)}  1,200  80%`,
    `  Safari   ${'█'.repeat(9)}${' '.repeat(27)}    300  20%`,
  ]);
});

it('bars fit a narrow window: labels are cut before the bars have no room', () => {
  const label = 'news.a-long-name.example.com';
  const lines = bars([{ label, value: 12_345 }], 12_345, { ...options, width: 40 });
  expect(lines).toEqual([expect.stringMatching(/^ {2}news\.a-long-na\S*… {2}█{6} {2}12,345 100%$/)]);
  expect(lines[0]?.length).toBeLessThanOrEqual(40);
});
