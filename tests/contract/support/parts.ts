import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { inject } from 'vitest';

/** The pid of every part of the mesh, by its name. */
export function pidsOfParts(): Record<string, number> {
  const run = path.join(inject('meshDir'), 'run');
  const files = readdirSync(run).filter((file) => file.endsWith('.pid'));
  return Object.fromEntries(files.map((file) => [file, Number(readFileSync(path.join(run, file), 'utf8'))]));
}
