import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '#runtime/config/config.ts';
import { readConnections } from '../../../services/analytics/stores.ts';
import { identityConfig } from '../../../services/identity/config.ts';
import { linkConfig } from '../../../services/link/config.ts';
import { resolverConfig } from '../../../services/resolver/config.ts';
import { fillIn } from './postgres.ts';
import { writeSettings } from './settings.ts';

test('passwords are filled in as literals, whatever they contain', () => {
  expect(fillIn("alter role a password :'a'", { a: "it's" })).toBe("alter role a password 'it''s'");
});

test('a variable without a value is an error, not an empty password', () => {
  expect(() => fillIn("password :'missing'", {})).toThrow(/missing/);
});

const sql = readFileSync(new URL('../../postgres/bootstrap.sql', import.meta.url), 'utf8');
const limits = new Map(
  [...sql.matchAll(/alter role (\w+) .*connection limit (\d+)/g)].map((m) => [m[1], Number(m[2])]),
);

test.each([
  // What one process opens on one server, as it is configured by default; the pools without a variable stand in its code.
  ['hop_link', loadConfig({ size: linkConfig.poolSize }, {}).size + 6, 2],
  ['hop_identity', loadConfig({ size: identityConfig.postgresConnections }, {}).size, 2],
  ['hop_analytics', 4 + 1 + 2 + readConnections, 2],
  ['hop_resolver', loadConfig({ size: resolverConfig.postgresConnections }, {}).size, 3],
])('%s: the pools of two processes fit beside each other', (role, connections, processes) => {
  const migrating = role === 'hop_resolver' ? 0 : 2;
  expect(limits.get(role)).toBe(processes * connections + migrating);
});

test.each(['link/link-service.ts', 'analytics/stores.ts'])('%s opens the pools that are counted here', (file) => {
  const source = readFileSync(new URL(`../../../services/${file}`, import.meta.url), 'utf8');
  const sizes = [...source.matchAll(/createPool\([^;]*?max: (\w+(?:\.\w+)?(?: - \w+)?)/g)].map((match) => match[1]);
  const link = ['config.poolSize - searches', 'searches', '6'];
  expect(sizes).toEqual(file.startsWith('link') ? link : ['4', '1', '2', 'readConnections', 'readConnections']);
});

test('the server takes the connections of all roles, and ten more', () => {
  expect(limits.size).toBe(5);
  const sum = [...limits.values()].reduce((total, limit) => total + limit, 0);
  const dir = mkdtempSync(path.join(tmpdir(), 'hopline-settings-'));
  writeSettings(dir, { port: 1, synchronous: false, user: undefined });
  for (const file of [path.join(dir, 'postgresql.conf'), 'compose/docker/postgres/postgresql.conf'])
    expect(/^max_connections = (\d+)$/m.exec(readFileSync(file, 'utf8'))?.[1], file).toBe(String(sum + 10));
  rmSync(dir, { recursive: true });
});

test.each([
  [false, ''],
  [true, 'FIRST 1 ("postgres-replica")'],
])('synchronous replication %s: commits wait for %j', (synchronous, names) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'hopline-settings-'));
  writeSettings(dir, { port: 1, synchronous, user: undefined });
  expect(readFileSync(path.join(dir, 'postgresql.conf'), 'utf8')).toContain(`synchronous_standby_names = '${names}'\n`);
  rmSync(dir, { recursive: true });
});
