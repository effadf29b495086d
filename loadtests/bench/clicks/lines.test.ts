import { expect, it } from 'vitest';
import { createLines, type Followed, probeLine } from './lines.ts';

const link = (n: number): Followed => ({ id: `id-${n}`, workspaceId: 'w', version: '7', code: `code${n}` });

it('writes lines that say what those of a hot redirect say, each with an id of its own', () => {
  const next = createLines([link(1), link(2)]);
  const lines = Array.from({ length: 100 }, () => JSON.parse(next(1_700_000_000_000_042)));
  for (const line of lines) {
    expect(line).toMatchObject({ v: 1, at: '1700000000000042', method: 'GET', status: 302, dnt: null });
    expect(line.click).toMatch(/^id-[12];w;7;edge;localhost;code[12]$/);
    expect(line.address).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
  }
  expect(new Set(lines.map(({ request_id }) => request_id)).size).toBe(100);
});

it('follows the first link most', () => {
  const next = createLines(Array.from({ length: 50 }, (_, n) => link(n)));
  const ids = Array.from({ length: 2_000 }, () => JSON.parse(next(0)).click.split(';')[0]);
  const often = (id: string): number => ids.filter((one) => one === id).length;
  expect(often('id-0')).toBeGreaterThan(often('id-10') * 3);
});

it('makes a probe that can be known again', () => {
  expect(JSON.parse(probeLine(link(3), 5, 'known'))).toMatchObject({ request_id: 'known', at: '0000005' });
});
