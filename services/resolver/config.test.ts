import { expect, it } from 'vitest';
import { loadConfig } from '#runtime/config/config.ts';
import { resolverConfig } from './config.ts';

const { budgetMs, takeMs } = resolverConfig;

it.each([
  [budgetMs, 700, 750],
  [takeMs, 700, 750],
])(
  '$name: no resolver is set to work on a redirect for which Envoy has asked another by then',
  (variable, good, bad) => {
    const { name } = variable;
    expect(loadConfig({ variable }, { [name]: String(good) })).toEqual({ variable: good });
    expect(() => loadConfig({ variable }, { [name]: String(bad) })).toThrow(`${name} "${bad}" is out of range`);
  },
);
