import { expect, test } from 'vitest';
import { temporaryDirectory } from '#runtime/testing/temporary-directory.ts';
import { layoutOf, makeFolders } from '../layout.ts';
import { portsFrom } from '../ports/ports.ts';
import { keepSecrets } from '../secrets.ts';
import { type MeshSettings, serviceEnv } from './services.ts';

const layout = layoutOf(temporaryDirectory());
makeFolders(layout);
const ports = portsFrom({});
const settings: MeshSettings = { layout, ports, secrets: keepSecrets(layout), env: {}, instances: 1 };

test('a detour leads one process elsewhere, and no other', () => {
  const detours = { 'resolver-1': { valkey: 1_111, postgres: 2_222 } };
  const [one, other] = (['resolver-1', 'resolver-2'] as const).map((part) =>
    serviceEnv(part, { ...settings, detours }),
  );
  const usual = serviceEnv('resolver-1', settings);
  expect([one?.HOP_REDIS_URL, one?.HOP_POSTGRES_PRIMARY]).toEqual([
    expect.stringContaining('@127.0.0.1:1111/'),
    expect.stringContaining('@127.0.0.1:2222/'),
  ]);
  const { HOP_REDIS_URL: _redis, HOP_POSTGRES_PRIMARY: _primary, ...rest } = one ?? {};
  expect(usual).toMatchObject(rest);
  expect(other).toEqual(serviceEnv('resolver-2', settings));
});

test('compiled code is kept in the folder of the mesh, or where somebody has said', () => {
  const kept = (env: MeshSettings['env']) => serviceEnv('link', { ...settings, env }).NODE_COMPILE_CACHE;
  expect(kept({})).toMatch(/compile-cache$/);
  expect(kept({ NODE_COMPILE_CACHE: '/elsewhere' })).toBe('/elsewhere');
});
