import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { inject } from 'vitest';

/** The pid of a part of the mesh; 0 while it is down. */
export function pidOf(part: string): number {
  const file = path.join(inject('meshDir'), 'run', `${part}.pid`);
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
}

/** The pid of every part of the mesh, by its name. */
export function pidsOfParts(): Record<string, number> {
  const parts = readdirSync(path.join(inject('meshDir'), 'run')).flatMap(
    (file) => file.match(/^(.+)\.pid$/)?.[1] ?? [],
  );
  return Object.fromEntries(parts.map((part) => [part, pidOf(part)]));
}
