import { appendFile, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { activeName, listSpool } from './spool-files.ts';
import { createSync } from './sync.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hop-sync-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('what Envoy wrote is on disk after each round: files that grew, renamed ones too, and no other', async () => {
  const synced: bigint[] = [];
  const sync = createSync(
    directory,
    () => listSpool(directory),
    async (handle) => {
      synced.push((await handle.stat({ bigint: true })).ino);
      await handle.datasync();
    },
  );
  const round = async (): Promise<bigint[]> => {
    await sync();
    return synced.splice(0);
  };
  const active = join(directory, activeName);
  const inodeOf = async (path: string): Promise<bigint> => (await stat(path, { bigint: true })).ino;
  expect(await round()).toEqual([]);
  await writeFile(active, 'one\n');
  const first = await inodeOf(active);
  expect(await round()).toEqual([first]);
  expect(await round()).toEqual([]);
  // Envoy goes on writing to the renamed file until it opens the next one.
  await appendFile(active, 'two\n');
  await rename(active, join(directory, 'clicks-1.jsonl'));
  await writeFile(active, 'three\n');
  expect(await round()).toEqual([first, await inodeOf(active)]);
  await rm(join(directory, 'clicks-1.jsonl'));
  expect(await round()).toEqual([]);
  // As a new file is that got the inode of a deleted one.
  await writeFile(active, 'x\n');
  expect(await round()).toEqual([await inodeOf(active)]);
});

test('one that cannot be synced is told of, keeps no other waiting, and is tried again', async () => {
  await writeFile(join(directory, 'clicks-1.jsonl'), 'one\n');
  await writeFile(join(directory, activeName), 'longer\n');
  const synced: number[] = [];
  let isFull = true;
  const sync = createSync(
    directory,
    () => listSpool(directory),
    async (handle) => {
      const { size } = await handle.stat();
      synced.push(size);
      if (isFull && size === 4) throw new Error('The disk is full.');
    },
  );
  await expect(sync()).rejects.toThrow('The disk is full.');
  isFull = false;
  await sync();
  expect(synced).toEqual([4, 7, 4]);
});
