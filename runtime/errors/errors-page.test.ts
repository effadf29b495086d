import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { errorsPage, errorsPagePath } from './errors-page.ts';
import { type Reason, reasonSections, reasons } from './reasons.ts';

it('is what docs/errors.md holds; `npm run docs` writes it', () => {
  expect(readFileSync(errorsPagePath, 'utf8')).toBe(errorsPage());
});

it('has every reason once', () => {
  expect(Object.values(reasonSections).flatMap((section) => Object.keys(section))).toEqual(Object.keys(reasons));
});

/** The HTTP status that Envoy makes of what each constructor of errors.ts makes. */
const statuses: Readonly<Record<string, readonly number[]>> = {
  unauthenticated: [401],
  forbidden: [403],
  notFound: [404],
  taken: [409],
  stale: [409],
  precondition: [400, 410],
  limited: [429],
  unavailable: [503],
};

it('has for every reason the status that the code refuses with', () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const files = globSync('{runtime,services,gateway}/**/*.ts', { cwd: root }).filter(
    (name) => !name.endsWith('.test.ts'),
  );
  const call = new RegExp(`\\b(${Object.keys(statuses).join('|')})\\(\\s*'([A-Z_]+)'`, 'g');
  const found = files.flatMap((name) => [...readFileSync(`${root}${name}`, 'utf8').matchAll(call)]);
  expect(found.length).toBeGreaterThan(20);
  for (const [text, made = '', reason = ''] of found)
    expect([text, reasons[reason as Reason]?.statuses.some((status) => statuses[made]?.includes(status))]).toEqual([
      text,
      true,
    ]);
});
