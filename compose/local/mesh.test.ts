import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readlinkSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { classify, createPool, inTransaction } from '#runtime/postgres/pool.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { kafkaIsInstalled } from '#runtime/testing/kafka.ts';
import { temporaryDirectory } from '#runtime/testing/temporary-directory.ts';
import { freePort, waitFor } from '#runtime/testing/wait-for.ts';
import { postgresStore } from '../../services/link/store.postgres.ts';
import { layoutOf } from './layout.ts';
import { startMesh, type TestMesh } from './mesh.ts';
import { readState } from './mesh-state.ts';
import { orphanedParts } from './orphans.ts';
import { PortsTakenError } from './ports/port-owner.ts';
import { removeOutside } from './postgres/home.ts';
import { postgresUrl } from './postgres/postgres.ts';
import { describePostgres } from './postgres/status.ts';
import { keepSecrets } from './secrets.ts';
import { livePart } from './supervisor/pid-files.ts';
import { familyOf, isAlive, signal } from './supervisor/processes.ts';

// The real parts, in a folder that only root can enter: as root, Postgres has to be run from elsewhere (mkdtemp makes it 0700).
// Its name has what trips who takes a path for a list, or for ASCII.
const dir = path.join(temporaryDirectory(), 'Jürgen, at work');
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

test('where nothing can be written of a part (a full disk), it is started again all the same', async () => {
  const restarts = (): number => mesh.state().parts.find(({ name }) => name === 'valkey')?.restarts ?? 0;
  const restarted = async (): Promise<void> => {
    const before = restarts();
    mesh.kill('valkey');
    await waitFor(() => restarts() > before && mesh.state().parts.every(({ status }) => status === 'ready'));
  };
  // Files are written as <name>.new first, which here is a folder.
  const blocked = ['mesh.json.new', 'valkey.pid.new'].map((name) => path.join(layout.run, name));
  for (const file of blocked) mkdirSync(file);
  await restarted();
  for (const file of blocked) rmdirSync(file);
  await restarted();
  expect(readState(layout)?.parts).toEqual(mesh.state().parts);
  expect(livePart(layout, 'valkey')?.pid).toBe(mesh.pid('valkey'));
});

/** `npm run <command>` about this mesh: its exit code, what it says and what it complains of. */
async function command(...args: string[]): Promise<{ code: number; output: string; errors: string }> {
  const { HOP_POSTGRES_PRIMARY: _, ...env } = process.env;
  const main = path.join(import.meta.dirname, 'main.ts');
  const child = spawn(process.execPath, [main, ...args], { env: { ...env, HOP_LOCAL_DIR: dir }, timeout: 20_000 });
  const said = [text(child.stdout), text(child.stderr)] as const;
  const [code] = await once(child, 'exit');
  return { code, output: await said[0], errors: await said[1] };
}

test('a part that is held stays down until it is released, and the status names it', async () => {
  expect(await command('status')).toMatchObject({ code: 0, output: expect.stringMatching(/^ready: http/m) });
  await mesh.hold('postgres-replica', 'SIGKILL');
  expect(() => mesh.pid('postgres-replica')).toThrow(/does not run/);
  const output = expect.stringMatching(/^not ready, for postgres-replica is held: http/m);
  expect(await command('status')).toMatchObject({ code: 1, output });
  await query('hop_link', mesh.ports.postgres, 'insert into link.seen values (43)');
  await mesh.release('postgres-replica');
  const count = (): Promise<unknown[]> =>
    query('hop_link', mesh.ports['postgres-replica'], 'select count(*)::int from link.seen');
  await waitFor(async () => (await count())[0] === 2, { timeoutMs: 5_000 });
});

test('a start names what a running mesh of some parts lacks, and does not call it ready', async () => {
  const { code, errors } = await command('start', '--detach');
  expect(code).toBe(1);
  expect(errors).toContain('does not run kafka, identity, link');
  expect(errors).toContain('npm stop, then npm start');
  expect(await command('start', '--only', 'postgres,valkey')).toMatchObject({ code: 0, errors: '' });
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

async function waitForReplica(): Promise<void> {
  const streaming = "select count(*)::int from pg_stat_replication where state = 'streaming'";
  await waitFor(async () => (await query('postgres', mesh.ports.postgres, streaming))[0] === 1, { timeoutMs: 15_000 });
}

test('a pool for the primary keeps no connection to a standby', async () => {
  const pool = createPool(url('hop_link', mesh.ports['postgres-replica']), { primary: true, log: silentLog });
  const error: unknown = await pool.query('select 1').catch((cause: unknown) => cause);
  expect(classify(error).kind).toBe('unavailable');
  expect(pool.totalCount).toBe(0);
  await pool.end();
});

test('a transaction that meets a read-only server gives its connection up', async () => {
  const pool = createPool(url('hop_link', mesh.ports['postgres-replica']), { log: silentLog });
  const write = inTransaction(pool, (client) => client.query('insert into link.seen values (0)'));
  expect(classify(await write.catch((cause: unknown) => cause)).kind).toBe('unavailable');
  expect(pool.totalCount).toBe(0);
  const place = pool.query('select pg_current_wal_lsn()');
  expect(classify(await place.catch((cause: unknown) => cause)).kind).toBe('unavailable');
  await pool.end();
});

test('a failover makes the replica the primary, with all that was committed, and the old one its replica', async () => {
  await waitForReplica();
  const timeline = 'select timeline_id from pg_control_checkpoint()';
  const [before] = await query('postgres', mesh.ports.postgres, timeline);
  await query('hop_link', mesh.ports.postgres, 'insert into link.seen values (45)');
  await mesh.failover();
  expect(await query('postgres', mesh.ports.postgres, 'select pg_is_in_recovery()')).toEqual([false]);
  expect(await query('hop_link', mesh.ports.postgres, 'select count(*)::int from link.seen')).toEqual([4]);
  await query('hop_link', mesh.ports.postgres, 'insert into link.seen values (46)');
  await waitForReplica();
  await query('postgres', mesh.ports.postgres, 'checkpoint');
  expect((await query('postgres', mesh.ports.postgres, timeline))[0]).toBe(Number(before) + 1);
  const count = (): Promise<unknown[]> =>
    query('hop_link', mesh.ports['postgres-replica'], 'select count(*)::int from link.seen');
  await waitFor(async () => (await count())[0] === 5, { timeoutMs: 5_000 });
  expect(await query('postgres', mesh.ports['postgres-replica'], 'select pg_is_in_recovery()')).toEqual([true]);
  expect(await describePostgres(layout, mesh.ports)).toEqual([
    expect.stringMatching(/^postgres is the primary \(data in postgres-replica\); its replica is streaming \(async\)/),
    'postgres-replica is a standby (data in postgres)',
  ]);
});

test('a primary that is frozen, backends and all, is fenced: none of it runs when the other takes writes', async () => {
  await waitForReplica();
  const family = familyOf(mesh.pid('postgres'));
  for (const identity of family) signal(identity, 'SIGSTOP');
  await mesh.failover();
  expect(family.filter(isAlive)).toEqual([]);
  await query('hop_link', mesh.ports.postgres, 'insert into link.seen values (47)');
  await waitForReplica();
});

test('what the replica never received is lost, but none of its code numbers is given again', async () => {
  await waitForReplica();
  const pool = createPool(url('hop_link', mesh.ports.postgres), { primary: true, log: silentLog });
  const store = postgresStore(pool);
  await store.openCodeSpace({ keyId: 7, first: 1, last: 10_000_000, blockSize: 100, fingerprint: '' });
  await waitForReplica();
  await mesh.hold('postgres-replica');
  await query('hop_link', mesh.ports.postgres, 'insert into link.seen values (1000)');
  const lost = [await store.reserveBlock(7), await store.reserveBlock(7)];
  await mesh.hold('postgres', 'SIGKILL');
  await mesh.release('postgres-replica');
  await mesh.failover();
  const kept = await query('hop_link', mesh.ports.postgres, 'select answer from link.seen where answer = 1000');
  const again = await waitFor(() => store.reserveBlock(7).catch(() => undefined), { timeoutMs: 5_000 });
  await pool.end();
  expect(kept).toEqual([]);
  expect(again?.first).toBeGreaterThanOrEqual(Math.max(...lost.map((block) => block?.end ?? Number.POSITIVE_INFINITY)));
  await waitForReplica();
});

test('without a replica the primary is left alone', async () => {
  await mesh.hold('postgres-replica');
  const pid = mesh.pid('postgres');
  await expect(mesh.failover()).rejects.toThrow(/cannot take over/);
  expect(mesh.pid('postgres')).toBe(pid);
  await mesh.release('postgres-replica');
});

test('the roles outlive a restart of the whole mesh', async () => {
  await waitForReplica();
  await mesh.failover();
  await waitForReplica();
  await mesh.stop();
  mesh = await startMesh({ dir, ports: mesh.ports, parts });
  expect(await query('hop_link', mesh.ports.postgres, 'select max(answer) from link.seen')).toEqual([47]);
  await waitForReplica();
});

test('with synchronous replication a commit waits for the replica, and a failover loses none', async () => {
  await mesh.stop();
  mesh = await startMesh({ dir, ports: mesh.ports, parts, env: { HOP_SYNCHRONOUS_REPLICATION: 'on' } });
  await waitForReplica();
  await mesh.hold('postgres-replica', 'SIGKILL');
  const pool = createPool(url('hop_link', mesh.ports.postgres), { statementTimeoutMs: 500, log: silentLog });
  const write = inTransaction(pool, (client) => client.query('insert into link.seen values (48)'));
  // It is committed on the primary alone, and nobody is told that it is.
  expect(classify(await write.catch((cause: unknown) => cause)).kind).toBe('unavailable');
  await mesh.release('postgres-replica');
  await waitForReplica();
  await waitFor(
    () =>
      pool.query('insert into link.seen values (49)').then(
        () => true,
        () => false,
      ),
    { timeoutMs: 10_000 },
  );
  await pool.end();
  await mesh.hold('postgres', 'SIGKILL');
  await mesh.failover();
  expect(await query('hop_link', mesh.ports.postgres, 'select max(answer) from link.seen')).toEqual([49]);
  await waitForReplica();
});

test.concurrent('the tools on its tables find the database of the mesh, and say which argument is wrong', async () => {
  const run = async (...args: string[]): Promise<string> => {
    const { code, errors } = await command(...args);
    return `${code} ${errors}`;
  };
  expect(await run('reconcile', '--from', '2026-01-31', '--until', '2026-02-01')).toMatch(/^0 $/);
  expect(await run('erase', '--workspace', '0197f0c6-0000-7000-8000-000000000001')).toMatch(/^0 $/);
  expect(await run('reconcile', '--until', 'tomorrow')).toMatch(/^64 --until tomorrow is not a day like .*\nusage: /);
  expect(await run('erase', '--link', 'hello')).toMatch(/^64 hello is not the id of a link .*\nusage: /);
  const host = ['--destination-host', 'evil.example', '--dry-run'];
  expect(await run('takedown', ...host)).toMatch(/^0 $/);
  expect(await run('takedown', ...host, '--link', 'hop.example/x')).toMatch(/^64 One of --link, .*\nusage: /);
  expect(await run('takedown', '--link', 'hello')).toMatch(/^64 hello is neither a short link nor .*\nusage: /);
  // Running these again, as after other failures, would not help.
  const link = ['--link', 'https://Hop.example/nobodys'];
  expect(await run('takedown', ...link)).toMatch(/^64 There is no link hop\.example\/nobodys\. .*\nusage: /);
  expect(await run('new-password', '--email', 'nobody@example.org')).toMatch(/^64 Nobody has this email\.\nusage: /);
});

test.runIf(kafkaIsInstalled())(
  'Kafka keeps its log in its data folder, whatever that is called',
  { concurrent: true },
  async () => {
    const own = layoutOf(path.join(dir, 'kafka'));
    const ports = { kafka: await freePort(), 'kafka-controller': await freePort() };
    const start = (): Promise<TestMesh> => startMesh({ dir: own.local, ports, parts: ['kafka'], portOffset: 33_000 });
    await (await start()).stop();
    expect(existsSync(path.join(own.data, 'kafka/log/hop.clicks.v1-0'))).toBe(true);
    await (await start()).stop();
  },
);

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
  expect(orphanedParts(layout)).toEqual([]);
  expect(mesh.state().phase).toBe('stopped');
});
