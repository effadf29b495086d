import { chmod, type FileHandle, mkdtemp, open, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { silentLog } from '#runtime/telemetry/log.ts';
import type { Segment } from './segment.ts';
import { openSpool, type Spool } from './spool.ts';
import { createSpoolCare } from './spool-care.ts';
import { activeName } from './spool-files.ts';

const roomy = { maxBytes: 1_000_000, maxAgeMs: 60_000 };
const nobody = 65_534;
const isRoot = process.getuid?.() === 0;
const log = { ...silentLog, error: vi.fn(), info: vi.fn() };
let directory: string;
let clock: number;
let spool: Spool;

beforeEach(async () => {
  vi.clearAllMocks();
  clock = 0;
  directory = await mkdtemp(join(tmpdir(), 'hop-spool-'));
  await chmod(directory, 0o777);
  await writeFile(join(directory, 'clicks-2.jsonl'), 'two\n');
  await writeFile(join(directory, activeName), 'three\n');
  spool = openSpool(directory, new Map(), { log, now: () => clock });
});
afterEach(async () => {
  if (isRoot) process.seteuid?.(0);
  await spool.close();
  await rm(directory, { recursive: true });
});

async function drain(): Promise<string[]> {
  const lines: string[] = [];
  const ends = new Map<Segment, number>();
  for (let chunk = await spool.next(); chunk; chunk = await spool.next()) {
    lines.push(...chunk.lines);
    ends.set(chunk.segment, chunk.end);
  }
  await spool.acknowledge(ends);
  return lines;
}

const oldest = (): string => join(directory, 'clicks-1.jsonl');
/** To read the memory of a process at address 0 is an input/output error, as of a damaged disk. */
const damage = (): Promise<void> => symlink('/proc/self/mem', oldest());

test('one that may not be read keeps no other waiting, and is read as soon as it may be', async () => {
  await writeFile(oldest(), 'one\n');
  await chmod(oldest(), 0o000);
  // What is forbidden to others is not forbidden to root.
  if (isRoot) process.seteuid?.(nobody);
  expect(await drain()).toEqual(['two', 'three']);
  expect((await readdir(directory)).sort()).toEqual(['clicks-1.jsonl', activeName]);
  expect(spool.unreadable()).toBe(1);
  if (isRoot) process.seteuid?.(0);
  await chmod(oldest(), 0o600);
  expect(await drain()).toEqual([]);
  clock += 10_000;
  expect(await drain()).toEqual(['one']);
  expect(spool.unreadable()).toBe(0);
  expect(await readdir(directory)).toEqual([activeName]);
  expect(log.error).toHaveBeenCalledOnce();
  expect(log.info).toHaveBeenCalledOnce();
});

test.runIf(process.platform === 'linux')('one whose disk is damaged is told of once, and tried again', async () => {
  await damage();
  for (let round = 0; round < 3; round++, clock += 10_000) {
    await writeFile(join(directory, activeName), `line ${round}\n`, { flag: 'a' });
    expect((await drain()).at(-1)).toBe(`line ${round}`);
  }
  expect(spool.unreadable()).toBe(1);
  expect(log.error.mock.calls).toMatchObject([
    [{ err: { code: 'EIO' }, segment: 'clicks-1.jsonl' }, expect.anything()],
  ]);
});

test('one of which nothing can be known does not hide the others', async () => {
  await symlink('clicks-1.jsonl', oldest());
  expect(await drain()).toEqual(['two', 'three']);
  expect(spool.unreadable()).toBe(1);
  expect(await spool.shed({ ...roomy, maxBytes: 0 }, Date.now() + 61_000)).toEqual([]);
  await rm(oldest());
  clock += 10_000;
  expect(await drain()).toEqual([]);
  expect(spool.unreadable()).toBe(0);
});

test.runIf(process.platform === 'linux')('the limits hold for it, and it counts as one line that is lost', async () => {
  await damage();
  expect(await spool.shed(roomy, Date.now() + 61_000)).toMatchObject([
    { segment: 'clicks-1.jsonl', reason: 'age', lines: 1 },
    { segment: 'clicks-2.jsonl', reason: 'age', lines: 1 },
  ]);
  expect(await readdir(directory)).toEqual([activeName]);
});

test.runIf(process.platform === 'linux')('the spool is looked after although it cannot be synced', async () => {
  await damage();
  let ticks = 0;
  const rotation = { tick: async () => void ticks++ };
  const limits = { ...roomy, maxBytes: 6 };
  const care = createSpoolCare({ directory, spool, rotation, limits, minFreeBytes: 0, syncMs: 1_000, log });
  await care.once();
  expect(ticks).toBe(1);
  expect(await readdir(directory)).toEqual([activeName]);
});

type Read = (this: FileHandle, buffer: Buffer, at: number, length: number, position: number) => Promise<unknown>;

test('what stands behind a damaged place is not taken for torn: a read ends before it, and the next one fails', async () => {
  await writeFile(oldest(), 'one\nhalf of a line');
  const handle = await open(oldest());
  const files: { read: Read } = Object.getPrototypeOf(handle);
  await handle.close();
  const { read } = files;
  const { ino } = await stat(oldest());
  const goodBytes = 8;
  // No disk here is damaged in the middle of a file.
  vi.spyOn(files, 'read').mockImplementation(async function (this: FileHandle, buffer, at, length, position) {
    if ((await this.stat()).ino !== ino) return read.call(this, buffer, at, length, position);
    if (position >= goodBytes) throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
    return read.call(this, buffer, at, Math.min(length, goodBytes - position), position);
  });
  expect(await drain()).toEqual(['one', 'two', 'three']);
  expect(spool.unreadable()).toBe(1);
  expect((await readdir(directory)).sort()).toContain('clicks-1.jsonl');
  vi.restoreAllMocks();
});
