import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { type Door, startDoor } from '../testing/door.ts';
import { ask } from '../testing/http.ts';

const scripts = fileURLToPath(new URL('../../compose/docker', import.meta.url));
const run = promisify(execFile);

let door: Door;
beforeAll(async () => {
  door = await startDoor();
});
afterAll(() => door.stop());

test('an Envoy that is to end stays as it is for a while, then lets its clients go, and is live all the time', async () => {
  const { publicPort, adminPort } = door.envoy;
  const kept = { headers: { connection: 'keep-alive' } };
  const closes = async () => (await ask(publicPort, '/healthz', kept)).headers.connection === 'close';
  const since = performance.now();
  const draining = run('bash', [`${scripts}/envoy-drain.sh`, String(adminPort), '2', '1']);
  while (performance.now() - since < 1_500) expect(await closes()).toBe(false);
  await waitFor(closes, { what: 'an answer that closes its connection' });
  expect(performance.now() - since).toBeGreaterThanOrEqual(2_000);
  await run('bash', [`${scripts}/envoy-health.sh`, String(adminPort)]);
  await draining;
  expect(performance.now() - since).toBeGreaterThanOrEqual(3_000);
});
