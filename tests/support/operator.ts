import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, inject } from 'vitest';

/** Runs `npm run NAME -- …` on the mesh of the tests, as an operator does. Returns what it printed. */
export async function operate(name: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, HOP_LOCAL_DIR: inject('meshDir') };
  const child = spawn(process.execPath, ['compose/local/main.ts', name, ...args], { env, timeout: 20_000 });
  const output = text(child.stdout);
  expect(await once(child, 'exit')).toEqual([0, null]);
  return output;
}
