import { expect } from 'vitest';
import { operate } from './operator.ts';

/** `npm run takedown` of a single link, or of what has one. */
export async function takenDown(...args: string[]): Promise<void> {
  expect(await operate('takedown', ...args)).toContain('"links":1');
}
