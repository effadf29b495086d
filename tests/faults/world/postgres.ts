// Questions to the mesh's Postgres that no service would ask, as its superuser.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { postgresUrl } from '../../../compose/local/postgres/postgres.ts';
import type { Passwords } from '../../../compose/local/secrets.ts';
import type { World } from './world.ts';

/** The passwords of the mesh's roles and of its Valkey. */
export function passwordsOf({ mesh }: Pick<World, 'mesh'>): Passwords {
  return JSON.parse(readFileSync(path.join(mesh.dir, 'secrets/passwords.json'), 'utf8'));
}

/** A session at the primary or the replica; the caller ends it. */
export async function superuser(
  { mesh }: Pick<World, 'mesh'>,
  server: 'postgres' | 'postgres-replica' = 'postgres',
): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: postgresUrl('postgres', passwordsOf({ mesh }), mesh.ports[server]),
  });
  // A server that is killed under it is what cases are about.
  client.on('error', () => {});
  await client.connect();
  return client;
}
