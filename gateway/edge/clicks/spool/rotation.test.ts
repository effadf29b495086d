import { appendFile, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { silentLog } from '#runtime/telemetry/log.ts';
import { startHangingBroker } from '#runtime/testing/hanging-broker.ts';
import { freePort } from '#runtime/testing/wait-for.ts';
import { createRotation, type Rotation } from './rotation.ts';
import { activeName, listSpool, renamedAtMs } from './spool-files.ts';

let directory: string;
let rotation: Rotation;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hop-rotation-'));
  // Nobody listens there: Envoy is away.
  const admin = `http://127.0.0.1:${await freePort()}`;
  rotation = createRotation({ directory, admin, maxBytes: 10, maxAgeMs: 60_000, log: silentLog });
});
afterEach(() => rm(directory, { recursive: true }));

test('a segment that is due is renamed, whether Envoy is there or not', async () => {
  await appendFile(join(directory, activeName), 'short\n');
  await rotation.tick(Date.now());
  expect(await readdir(directory)).toEqual([activeName]);
  await appendFile(join(directory, activeName), 'long enough\n');
  await rotation.tick(1_764_000_000_000);
  expect(await readdir(directory)).toEqual(['clicks-1764000000000.jsonl']);
  await rotation.tick(1_764_000_001_000);
  expect(await readFile(join(directory, 'clicks-1764000000000.jsonl'), 'utf8')).toBe('short\nlong enough\n');
});

test('an old one is due, an empty one never', async () => {
  await appendFile(join(directory, activeName), '');
  await rotation.tick(Date.now() + 120_000);
  expect(await readdir(directory)).toEqual([activeName]);
  await appendFile(join(directory, activeName), 'x\n');
  await rotation.tick(Date.now() + 120_000);
  expect(listSpool(directory)).toMatchObject([{ active: false }]);
});

test('while there is no active file Envoy is asked for one, also when the renamed ones are gone: it may write to one of them', async () => {
  const asked: string[] = [];
  const envoy = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.end();
  });
  const port = await new Promise<number>((resolve) => {
    envoy.listen(0, '127.0.0.1', () => resolve((envoy.address() as AddressInfo).port));
  });
  const admin = `http://127.0.0.1:${port}`;
  const watched = createRotation({ directory, admin, maxBytes: 10, maxAgeMs: 60_000, log: silentLog });
  await appendFile(join(directory, activeName), 'long enough\n');
  await watched.tick(1_764_000_000_000);
  await rm(join(directory, 'clicks-1764000000000.jsonl'));
  await watched.tick(1_764_000_001_000);
  expect(asked).toEqual(['POST /reopen_logs', 'POST /reopen_logs']);
  await appendFile(join(directory, activeName), 'new\n');
  await watched.tick(Date.now());
  expect(asked).toHaveLength(2);
  envoy.closeAllConnections();
  await new Promise((resolve) => envoy.close(resolve));
});

test('an Envoy that hangs is waited for no longer than a second: the limits of the spool are kept after that', async () => {
  const envoy = await startHangingBroker();
  onTestFinished(envoy.close);
  const admin = `http://${envoy.address}`;
  const own = createRotation({ directory, admin, maxBytes: 10, maxAgeMs: 60_000, log: silentLog });
  await appendFile(join(directory, activeName), 'long enough\n');
  const begunAt = performance.now();
  await own.tick(1_764_000_000_000);
  expect(performance.now() - begunAt).toBeLessThan(5_000);
});

test('an old one is due also where the clock was set back since it was begun', async () => {
  let forward = 0;
  const own = createRotation({
    ...{ directory, admin: 'http://127.0.0.1:1', maxBytes: 10, maxAgeMs: 60_000, log: silentLog },
    now: () => forward,
  });
  await appendFile(join(directory, activeName), 'x\n');
  const setBack = Date.now() - 3_600_000;
  await own.tick(setBack);
  expect(await readdir(directory)).toEqual([activeName]);
  forward += 60_000;
  await own.tick(setBack + 60_000);
  expect(listSpool(directory)).toMatchObject([{ active: false }]);
});

test('one of which nothing can be known is due when it has been so for as long: else nothing would be written to another', async () => {
  let forward = 0;
  const own = createRotation({
    ...{ directory, admin: 'http://127.0.0.1:1', maxBytes: 10, maxAgeMs: 60_000, log: silentLog },
    now: () => forward,
  });
  const active = join(directory, activeName);
  await symlink(active, active);
  await own.tick(1_764_000_000_000);
  expect(await readdir(directory)).toEqual([activeName]);
  forward += 60_000;
  await own.tick(1_764_000_060_000);
  expect(await readdir(directory)).toEqual(['clicks-1764000060000.jsonl']);
});

test('names sort by time whatever the clock says, also beside names that others gave', async () => {
  await appendFile(join(directory, 'clicks-100000000000000.jsonl'), 'not ours\n');
  for (const at of [1_000, 1_764_000_000_000, 2_000]) {
    await appendFile(join(directory, activeName), 'long enough\n');
    await rotation.tick(at);
  }
  const [first, ...later] = ['clicks-0000000001000.jsonl', 'clicks-1764000000000.jsonl', 'clicks-1764000000001.jsonl'];
  expect((await readdir(directory)).toSorted()).toEqual([first, 'clicks-100000000000000.jsonl', ...later]);
  expect(later.map(renamedAtMs)).toEqual([1_764_000_000_000, 1_764_000_000_001]);
});

test('a name that leaves no time after it overwrites nothing, now or later', async () => {
  const last = 'clicks-9999999999999.jsonl';
  await appendFile(join(directory, last), 'not ours\n');
  for (const at of [1_764_000_000_000, 1_764_000_000_000, 9_999_999_999_999]) {
    await appendFile(join(directory, activeName), 'long enough\n');
    await rotation.tick(at);
  }
  const ours = ['clicks-1764000000000.jsonl', 'clicks-1764000000001.jsonl', 'clicks-10000000000000.jsonl'];
  expect((await readdir(directory)).toSorted()).toEqual([...ours, last].toSorted());
});

test('no name is used twice, even when the clock stands still', async () => {
  for (let round = 0; round < 3; round++) {
    await appendFile(join(directory, activeName), 'long enough\n');
    await rotation.tick(1_764_000_000_000);
  }
  expect(await readdir(directory)).toHaveLength(3);
});
