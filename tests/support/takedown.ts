import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, inject } from 'vitest';

/** `npm run takedown`, as an operator runs it; of a single link, or of what has one. */
export async function takenDown(...args: string[]): Promise<void> {
  const env = { ...process.env, HOP_LOCAL_DIR: inject('meshDir') };
  const child = spawn(process.execPath, ['compose/local/main.ts', 'takedown', ...args], { env, timeout: 20_000 });
  const output = text(child.stdout);
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(await output).toContain('"links":1');
}
