import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { clientReasons, clientReasonsPath } from './client-reasons.ts';

it('the typed client knows the reasons of the contract; `npm run docs` writes them', () => {
  expect(readFileSync(clientReasonsPath, 'utf8')).toBe(clientReasons());
});
