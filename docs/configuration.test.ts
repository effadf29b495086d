import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { baseConfig } from '#runtime/config/base-config.ts';
import type { ConfigSpec } from '#runtime/config/config.ts';
import { processes } from '../compose/testing/processes.ts';
import { envoyConfig } from '../envoy/settings.ts';

const root = path.join(import.meta.dirname, '..');
/** What every process reads is told in runtime/README.md. */
const shared = new Set<unknown>(Object.values(baseConfig));

interface Row {
  readonly names: readonly string[];
  /** As many as there are names, or what is said of all of them. */
  readonly defaults: readonly string[];
}

/** The rows of the tables under "Configuration". */
function rowsOf(readme: string): Row[] {
  const [, section = ''] = readme.split(/^## Configuration$/m);
  const [own = ''] = section.split(/^## /m);
  return own
    .split('\n')
    .filter((line) => /^\| *`?HOP_/.test(line))
    .map((line) => {
      const [, names = '', defaults = ''] = line.split('|');
      return { names: names.match(/HOP_\w+/g) ?? [], defaults: defaults.split(',').map((one) => one.trim()) };
    });
}

/** The figures among the defaults, by the variable's name, as they are declared. */
function figuresOf(spec: ConfigSpec): Map<string, number> {
  const figures = new Map<string, number>();
  for (const { name, fallback } of Object.values(spec)) {
    const value = fallback?.value;
    if (typeof value === 'number') figures.set(name, value);
    // A rate limit, whose variable is the number of calls.
    else if (typeof value === 'object' && value !== null && 'calls' in value) figures.set(name, Number(value.calls));
  }
  return figures;
}

const programs = [...Object.values(processes), { main: 'envoy/render.ts', spec: envoyConfig }];

describe.each(programs)('the README beside $main', ({ main, spec }) => {
  const rows = rowsOf(readFileSync(path.join(root, path.dirname(main), 'README.md'), 'utf8'));

  test('tells of every variable that the process reads, and of no other', () => {
    const told = rows.flatMap(({ names }) => names);
    const read = Object.values(spec).flatMap((variable) => (shared.has(variable) ? [] : [variable.name]));
    expect(told.toSorted()).toEqual(read.toSorted());
  });

  test('gives the defaults that the code has', () => {
    const figures = figuresOf(spec);
    const told = rows.flatMap(({ names, defaults }) => names.map((name, place) => [name, defaults[place]] as const));
    expect(Object.fromEntries(told.filter(([name]) => figures.has(name)))).toEqual(
      Object.fromEntries([...figures].map(([name, value]) => [name, String(value)])),
    );
  });
});
