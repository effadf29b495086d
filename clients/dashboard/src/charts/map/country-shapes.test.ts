import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type CountryShape, loadCountryShapes, mapBox } from './country-shapes.ts';

const file = createRequire(import.meta.url).resolve('world-atlas/countries-110m.json');
const fetched = vi.fn<typeof fetch>();

beforeEach(() => vi.stubGlobal('fetch', fetched));
afterEach(() => vi.unstubAllGlobals());

/** The least box around a country. */
function boxOf(shapes: readonly CountryShape[], code: string) {
  const path = shapes.find((shape) => shape.code === code)?.path ?? '';
  const numbers = [...path.matchAll(/(-?[\d.]+) (-?[\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)] as const);
  const [xs, ys] = [numbers.map(([x]) => x), numbers.map(([, y]) => y)];
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
}

it('a failure is forgotten, so that the next one asks again; then the shapes are those of the world', async () => {
  fetched.mockResolvedValueOnce(new Response('', { status: 503 }));
  await expect(loadCountryShapes()).rejects.toThrow('503');
  fetched.mockResolvedValueOnce(new Response(readFileSync(file)));
  const shapes = await loadCountryShapes();
  expect(await loadCountryShapes()).toBe(shapes);
  expect(fetched).toHaveBeenCalledTimes(2);

  const codes = shapes.map(({ code }) => code).filter(Boolean);
  expect(new Set(codes).size).toBe(codes.length);
  expect(codes.length).toBeGreaterThan(170);
  expect(codes).toEqual(expect.arrayContaining(['CH', 'US', 'NZ', 'ZA', 'XK']));
  expect(codes).not.toContain('AQ');
  for (const { path } of shapes) expect(path).toMatch(/^(M[-\d. L]+Z)+$/);
  // Where they are: west of, north of, and on the map.
  const [brazil, kenya, iceland] = ['BR', 'KE', 'IS'].map((code) => boxOf(shapes, code));
  expect(brazil?.right).toBeLessThan(kenya?.left ?? 0);
  expect(iceland?.bottom).toBeLessThan(kenya?.top ?? 0);
  expect(brazil?.bottom).toBeLessThan(mapBox.height);
  // What lies on both sides of the edge of the map is drawn on both, and goes not all across it.
  const russia = boxOf(shapes, 'RU');
  expect([russia.left < 0, russia.right > mapBox.width * 0.8]).toEqual([true, true]);
});
