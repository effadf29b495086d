import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { withLock } from './lock.mjs';

vi.mock('node:fs', { spy: true });

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'hop-lock-'));
  file = path.join(folder, 'install.lock');
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

test('a lock that is being taken is not taken for one whose owner is gone', async () => {
  const isHeld = async () => existsSync(file);
  const others: Promise<boolean>[] = [];
  vi.mocked(writeFileSync).mockImplementationOnce((target, content, options) => {
    // As the system does it: there is an empty file first. That is when another one comes.
    const { flag = 'w' } = (options ?? {}) as { flag?: string };
    const opened = openSync(target as string, flag);
    others.push(withLock(file, isHeld));
    writeSync(opened, String(content));
    closeSync(opened);
  });
  expect(await withLock(file, isHeld)).toBe(true);
  expect(await Promise.all(others)).toEqual([true]);
});

test('a lock whose owner is gone holds nobody up', async () => {
  writeFileSync(file, `${2 ** 22 + 1}\n`);
  expect(await withLock(file, async () => 'done')).toBe('done');
});
