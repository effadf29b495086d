import { expect, inject, it } from 'vitest';
import { firstLoadBytes } from './support/first-load.ts';

it('the first load is at most 180 KiB of scripts', async () => {
  expect(await firstLoadBytes(inject('meshUrl'))).toBeLessThanOrEqual(180 * 1_024);
});
