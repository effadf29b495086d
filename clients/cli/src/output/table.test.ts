import { describe, expect, it } from 'vitest';
import { type Column, table } from './table.ts';
import { textWidth } from './text-width.ts';

interface Row {
  readonly code: string;
  readonly to: string;
  readonly note: string;
}

const columns: Column<Row>[] = [
  { title: 'CODE', text: ({ code }) => code },
  { title: 'LEADS TO', text: ({ to }) => to, least: 8 },
  { title: 'NOTE', text: ({ note }) => note, spare: 1 },
];
const rows: Row[] = [
  { code: 'spring', to: 'https://example.org/a/long/way', note: 'first' },
  { code: '東京', to: 'https://example.org', note: '' },
];
const head = (text: string) => text;

describe('a table', () => {
  it('may have any number of rows', () => {
    const many = Array.from({ length: 200_000 }, (_, index) => ({ code: String(index), to: 'a', note: '' }));
    expect(table(columns, many, { width: 80, head })).toHaveLength(200_001);
  });

  it('is as wide as it needs to be where there is room', () => {
    expect(table(columns, rows, { width: Number.POSITIVE_INFINITY, head })).toEqual([
      'CODE    LEADS TO                        NOTE',
      'spring  https://example.org/a/long/way  first',
      '東京    https://example.org',
    ]);
  });

  it('cuts what may be cut, counting what fills two columns as two', () => {
    const lines = table(columns, rows, { width: 32, head });
    expect(lines.map(textWidth).every((width) => width <= 32)).toBe(true);
    expect(lines[1]).toBe('spring  https://example.…  first');
  });

  it('leaves spare columns out before it cuts too much', () => {
    expect(table(columns, rows, { width: 20, head })[1]).toBe('spring  https://exa…');
  });

  it('leaves out what no row has', () => {
    expect(table(columns, rows.slice(1), { width: 80, head })[0]).toBe('CODE  LEADS TO');
  });
});
