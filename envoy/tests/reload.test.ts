import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { type Door, startDoor } from '../testing/door.ts';
import { ask } from '../testing/http.ts';

let door: Door;
beforeAll(async () => {
  door = await startDoor();
});
afterAll(() => door.stop());

/** Replaces the public routes, as renderEnvoy does. */
function replace(change: (text: string) => string): void {
  const path = join(door.envoy.dir, 'config', 'routes', 'public.yaml');
  writeFileSync(`${path}.new`, change(readFileSync(path, 'utf8')));
  renameSync(`${path}.new`, path);
}

test('new routes take effect without a restart, and bad ones are refused while the old ones stay', async () => {
  const healthz = async () => (await ask(door.envoy.publicPort, '/healthz')).body;
  expect(await healthz()).toBe('ok\n');
  replace((text) => text.replace(/^( +)ok$/m, '$1fine'));
  await waitFor(async () => (await healthz()) === 'fine\n', { what: 'the new route' });
  replace((text) => text.replace(/^( +)fine$/m, '$1lost').replaceAll('cluster: resolver', 'cluster: 7'));
  await waitFor(async () => (await door.envoy.stat('http.public.rds.public.update_failure')) > 0, {
    what: 'a refusal',
  });
  expect(await healthz()).toBe('fine\n');
});

test('Envoy is not woken by what it writes', async () => {
  for (let i = 0; i < 50; i++) await ask(door.envoy.publicPort, '/healthz');
  const before = await door.envoy.stat('http.public.rds.public.update_attempt');
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(await door.envoy.stat('http.public.rds.public.update_attempt')).toBe(before);
});
