import { existsSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryDirectory } from '#runtime/testing/temporary-directory.ts';
import { freePort, waitFor } from '#runtime/testing/wait-for.ts';
import { layoutOf } from './layout.ts';
import { leftovers } from './leftovers.ts';
import { startMesh, type TestMesh } from './mesh.ts';
import { PortsTakenError } from './port-owner.ts';
import { postgresUrl } from './postgres.ts';
import { removeOutside } from './postgres-home.ts';
import { keepSecrets } from './secrets.ts';

// The real parts, in a folder that only root can enter: as root, Postgres has to be run from elsewhere (mkdtemp makes it 0700).
const dir = path.join(temporaryDirectory(), 'mesh');
const layout = layoutOf(dir);
const parts = ['postgres', 'postgres-replica', 'valkey'] as const;
let mesh: TestMesh;

beforeAll(async () => {
  const ports = { postgres: await freePort(), 'postgres-replica': await freePort(), valkey: await freePort() };
  mesh = await startMesh({ dir, ports, parts, portOffset: 31_000 });
});

afterAll(async () => {
  await mesh?.stop();
  removeOutside(layout);
});

const url = (role: 'postgres' | 'hop_link' | 'hop_resolver', port: number): string =>
  postgresUrl(role, keepSecrets(layout).passwords, port);

async function query(role: 'postgres' | 'hop_link' | 'hop_resolver', port: number, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url(role, port), connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows.map((row) => row[0]);
  } finally {
    await client.end();
  }
}

test('what the primary commits, the replica shows', async () => {
  await query('hop_link', mesh.ports.postgres, 'create table link.seen as select 42 as answer');
  const read = (): Promise<unknown[]> =>
    query('hop_link', mesh.ports['postgres-replica'], 'select answer from link.seen');
  expect(await waitFor(async () => read().catch(() => undefined), { timeoutMs: 5_000 })).toEqual([42]);
  expect(await query('postgres', mesh.ports['postgres-replica'], 'select pg_is_in_recovery()')).toEqual([true]);
});

test('a role has its own schema, and no right in another', async () => {
  expect(await query('hop_link', mesh.ports.postgres, 'select current_schema()')).toEqual(['link']);
  await expect(query('hop_link', mesh.ports.postgres, 'create table identity.x ()')).rejects.toThrow(
    /permission denied/,
  );
  await expect(query('hop_resolver', mesh.ports.postgres, 'create table link.x ()')).rejects.toThrow(
    /read-only|permission denied/,
  );
});

test('a part that is killed comes back with its data, and it is said', async () => {
  const before = mesh.pid('postgres');
  mesh.kill('postgres');
  mesh.kill('valkey');
  await waitFor(
    () =>
      mesh
        .state()
        .parts.every(
          ({ status, restarts, name }) => status === 'ready' && (name === 'postgres-replica' || restarts > 0),
        ),
    {
      timeoutMs: 15_000,
    },
  );
  expect(mesh.pid('postgres')).not.toBe(before);
  expect(await query('hop_link', mesh.ports.postgres, 'select answer from link.seen')).toEqual([42]);
  const said = mesh.state().events.filter(({ kind }) => kind === 'died');
  expect(said.map(({ text }) => text).join()).toMatch(/died \(SIGKILL\); starting it again in \d+ ms/);
});

test('a part that is held stays down until it is released', async () => {
  await mesh.hold('postgres-replica', 'SIGKILL');
  expect(() => mesh.pid('postgres-replica')).toThrow(/does not run/);
  await query('hop_link', mesh.ports.postgres, 'insert into link.seen values (43)');
  await mesh.release('postgres-replica');
  const count = (): Promise<unknown[]> =>
    query('hop_link', mesh.ports['postgres-replica'], 'select count(*)::int from link.seen');
  await waitFor(async () => (await count())[0] === 2, { timeoutMs: 5_000 });
});

test('a replica whose slot is gone is made anew', async () => {
  await mesh.hold('postgres-replica');
  await query(
    'postgres',
    mesh.ports.postgres,
    "select 1 from (select pg_drop_replication_slot('hop_replica')) dropped",
  );
  await query('hop_link', mesh.ports.postgres, 'insert into link.seen values (44)');
  await mesh.release('postgres-replica');
  const count = (): Promise<unknown[]> =>
    query('hop_link', mesh.ports['postgres-replica'], 'select count(*)::int from link.seen');
  await waitFor(async () => (await count())[0] === 3, { timeoutMs: 5_000 });
});

test('a second mesh in the same place, or on the same ports, is refused', async () => {
  await expect(startMesh({ dir, parts: ['valkey'], portOffset: 32_000 })).rejects.toThrow(/runs this mesh/);
  const other = path.join(dir, 'other');
  await expect(startMesh({ dir: other, parts: ['valkey'], ports: { valkey: mesh.ports.valkey } })).rejects.toThrow(
    PortsTakenError,
  );
});

test.runIf(process.getuid?.() === 0)(
  'as root, Postgres runs as nobody, outside of a folder that nobody can enter',
  () => {
    const outside = readlinkSync(path.join(layout.data, 'postgres'));
    expect(outside.startsWith(dir)).toBe(false);
    expect(existsSync(path.join(outside, 'PG_VERSION'))).toBe(true);
  },
);

test('nothing is left when it has stopped', async () => {
  await mesh.stop();
  expect(leftovers(layout)).toEqual([]);
  expect(mesh.state().phase).toBe('stopped');
});
