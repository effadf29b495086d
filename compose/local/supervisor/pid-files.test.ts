import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { claimMesh } from '../claim.ts';
import { type Layout, layoutOf, makeFolders } from '../layout.ts';
import { orphanedParts, stopOrphans } from '../orphans.ts';
import { livePart, writePid } from './pid-files.ts';
import { identify } from './processes.ts';

let layout: Layout;

beforeEach(() => {
  layout = layoutOf(mkdtempSync(path.join(tmpdir(), 'hop-pids-')));
  makeFolders(layout);
});

afterEach(() => rmSync(layout.local, { recursive: true }));

test('the pid file holds the bare pid', () => {
  writePid(layout, 'link', process.pid);
  expect(readFileSync(path.join(layout.run, 'link.pid'), 'utf8')).toBe(`${process.pid}\n`);
  expect(livePart(layout, 'link')?.pid).toBe(process.pid);
});

test('a pid that now belongs to another process is not ours, and is never signalled', async () => {
  const stranger = spawn('sleep', ['60']);
  const pid = stranger.pid ?? 0;
  writePid(layout, 'link', pid);
  writeFileSync(path.join(layout.run, 'link.json'), JSON.stringify({ pid, startedAt: 'an earlier boot' }));
  expect(livePart(layout, 'link')).toBeUndefined();
  await stopOrphans(layout, () => {});
  expect(identify(pid)).toBeDefined();
  stranger.kill('SIGKILL');
  await once(stranger, 'exit');
});

test('what an earlier run left behind is stopped and said', async () => {
  const rest = spawn('sleep', ['60']);
  writePid(layout, 'valkey', rest.pid ?? 0);
  const said: string[] = [];
  expect(orphanedParts(layout)).toEqual(['valkey']);
  await Promise.all([stopOrphans(layout, (line) => said.push(line)), once(rest, 'exit')]);
  expect(orphanedParts(layout)).toEqual([]);
  expect(said.join()).toContain(`stopping valkey of an earlier run (process ${rest.pid})`);
});

test('a mesh is taken by one process; a dead one does not hold it', () => {
  expect(claimMesh(layout)).toBe(true);
  expect(claimMesh(layout)).toBe(false);
  writeFileSync(path.join(layout.run, 'supervisor.json'), JSON.stringify({ pid: 2 ** 22 + 1, startedAt: 'gone' }));
  expect(claimMesh(layout)).toBe(true);
});
