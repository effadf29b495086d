import { readFileSync } from 'node:fs';
import path from 'node:path';
import { inject } from 'vitest';
import { postgresUrl } from '../../compose/local/postgres/postgres.ts';

/** The mesh's Postgres, as its superuser: for what no call does, and for what no call shows. */
export function superuserUrl(): string {
  const { postgres } = JSON.parse(readFileSync(path.join(inject('meshDir'), 'secrets/passwords.json'), 'utf8'));
  return postgresUrl('postgres', { postgres } as never, inject('meshPorts').postgres ?? 0);
}
