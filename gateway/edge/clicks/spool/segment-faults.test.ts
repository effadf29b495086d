import {
  chmod,
  chown,
  type FileHandle,
  mkdtemp,
  open,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
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

async function readAll() {
  const lines: string[] = [];
  const ends = new Map<Segment, number>();
  for (let chunk = await spool.next(); chunk; chunk = await spool.next()) {
    lines.push(...chunk.lines);
    ends.set(chunk.segment, chunk.end);
  }
  return { lines, ends };
}

async function drain(): Promise<string[]> {
  const { lines, ends } = await readAll();
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
  expect(await readdir(directory)).toContain('clicks-1.jsonl');
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

test.runIf(process.platform === 'linux')(
  'is told of no more once somebody has deleted it, although nothing is read: Kafka is away',
  async () => {
    await damage();
    await drain();
    expect(spool.unreadable()).toBe(1);
    await rm(oldest());
    expect(await spool.shed(roomy, Date.now())).toEqual([]);
    expect(spool.unreadable()).toBe(0);
  },
);

test.runIf(process.platform === 'linux')(
  'beyond the limits it leaves no fault behind: the next file may get its inode',
  async () => {
    await damage();
    await drain();
    expect(spool.unreadable()).toBe(1);
    await spool.shed(roomy, Date.now() + 61_000);
    expect(spool.unreadable()).toBe(0);
  },
);

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

describe('one of which nothing but its name can be known', () => {
  const made = 1_764_000_000_000;
  const named = (): string => join(directory, `clicks-${made}.jsonl`);
  beforeEach(async () => {
    await symlink(named(), named());
    await rm(join(directory, 'clicks-2.jsonl'));
  });

  test('goes in its turn where the spool is too large, and counts as one line', async () => {
    expect(await spool.shed(roomy, made)).toEqual([]);
    expect(await spool.shed({ ...roomy, maxBytes: 5 }, made)).toMatchObject([{ reason: 'quota', lines: 1 }]);
    expect(await readdir(directory)).toEqual([activeName]);
  });

  test('is as old as its name says', async () => {
    expect(await spool.shed(roomy, made + roomy.maxAgeMs)).toEqual([]);
    expect(await spool.shed(roomy, made + roomy.maxAgeMs + 1)).toMatchObject([{ reason: 'age', lines: 1 }]);
    expect(await readdir(directory)).toEqual([activeName]);
  });

  test('has what was acknowledged of it kept in mind', async () => {
    await rm(named());
    await writeFile(oldest(), 'one\n');
    const { ends } = await readAll();
    const active = join(directory, activeName);
    await rename(active, join(directory, 'elsewhere'));
    await symlink(active, active);
    expect([...(await spool.acknowledge(ends)).values()]).toContain(6);
    expect(await readdir(directory)).not.toContain('clicks-1.jsonl');
  });
});

describe.runIf(isRoot)('one that cannot be deleted', () => {
  beforeEach(async () => {
    // In such a directory nobody deletes what is another's.
    await chmod(directory, 0o1777);
    await writeFile(oldest(), 'one\n');
    for (const name of ['clicks-2.jsonl', activeName]) await chown(join(directory, name), nobody, nobody);
    process.seteuid?.(nobody);
  });

  test('keeps no other from being deleted when Kafka has it, nor the cursor from moving; it is not sent again', async () => {
    expect(await drain()).toEqual(['one', 'two', 'three']);
    expect((await readdir(directory)).sort()).toEqual(['clicks-1.jsonl', activeName]);
    expect(spool.undeletable()).toBe(1);
    const acknowledged = await spool.acknowledge(new Map());
    expect([...acknowledged.values()]).toEqual([4, 6]);
    process.seteuid?.(0);
    await spool.tidy();
    expect(await readdir(directory)).toHaveLength(2);
    clock += 10_000;
    await spool.tidy();
    expect(await readdir(directory)).toEqual([activeName]);
    expect(spool.undeletable()).toBe(0);
    expect(log.error.mock.calls).toMatchObject([
      [{ err: { code: 'EPERM' }, segment: 'clicks-1.jsonl' }, expect.anything()],
    ]);
  });

  test('keeps no other within the limits, and its lines are not lost', async () => {
    const late = Date.now() + 61_000;
    expect(await spool.shed(roomy, late)).toMatchObject([{ segment: 'clicks-2.jsonl', lines: 1 }]);
    expect(await spool.shed(roomy, late)).toEqual([]);
    expect(spool.undeletable()).toBe(1);
    expect(await drain()).toEqual(['one', 'three']);
    process.seteuid?.(0);
    await rm(oldest());
    await spool.shed(roomy, late);
    expect(spool.undeletable()).toBe(0);
  });
});

type Read = (this: FileHandle, buffer: Buffer, at: number, length: number, position: number) => Promise<unknown>;

/** What all handles of files share. */
async function fileHandles(): Promise<Pick<FileHandle, 'stat'> & { read: Read }> {
  const handle = await open(oldest());
  await handle.close();
  return Object.getPrototypeOf(handle);
}

/** From here on nothing can be read of the oldest segment, until the mocks are restored; no disk here is damaged in the middle of a file. */
async function damageFrom(goodBytes: number) {
  const files = await fileHandles();
  const { read } = files;
  const { ino } = await stat(oldest());
  return vi.spyOn(files, 'read').mockImplementation(async function (this: FileHandle, buffer, at, length, position) {
    if ((await this.stat()).ino !== ino) return read.call(this, buffer, at, length, position);
    if (position >= goodBytes) throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
    return read.call(this, buffer, at, Math.min(length, goodBytes - position), position);
  });
}

test('that the process has no handle left is no fault of a segment: none is set aside for it', async () => {
  await writeFile(oldest(), 'one\n');
  const fault = Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
  vi.spyOn(await fileHandles(), 'stat').mockRejectedValueOnce(fault);
  await expect(drain()).rejects.toBe(fault);
  expect(spool.unreadable()).toBe(0);
  vi.restoreAllMocks();
  expect(await drain()).toEqual(['one', 'two', 'three']);
});

test('one that can be opened, and then not looked at, is not taken for one that was renamed, which is listed again and again', async () => {
  await writeFile(oldest(), 'one\n');
  const files = await fileHandles();
  const fault = Object.assign(new Error('EIO: i/o error, fstat'), { code: 'EIO' });
  vi.spyOn(files, 'stat').mockRejectedValueOnce(fault);
  expect(await drain()).toEqual(['two', 'three']);
  expect(spool.unreadable()).toBe(1);
  vi.restoreAllMocks();
  clock += 10_000;
  expect(await drain()).toEqual(['one']);
});

describe('one that is damaged half way', () => {
  beforeEach(() => writeFile(oldest(), 'one\nhalf of a line\n'));
  afterEach(() => void vi.restoreAllMocks());

  test('what stands behind the damage is not taken for torn: a read ends before it, and the next one fails', async () => {
    await damageFrom(8);
    expect(await drain()).toEqual(['one', 'two', 'three']);
    expect(spool.unreadable()).toBe(1);
    expect((await readdir(directory)).sort()).toContain('clicks-1.jsonl');
  });

  test('is not read again from its start, what was sent of it is acknowledged, and the rest is read when it can be', async () => {
    await damageFrom(8);
    expect(await drain()).toEqual(['one', 'two', 'three']);
    expect([...(await spool.acknowledge(new Map())).values()].sort()).toEqual([4, 6]);
    clock += 10_000;
    expect(await drain()).toEqual([]);
    expect(spool.unreadable()).toBe(1);
    vi.restoreAllMocks();
    clock += 20_000;
    expect(await drain()).toEqual(['half of a line']);
    expect(spool.unreadable()).toBe(0);
    expect(await readdir(directory)).toEqual([activeName]);
    expect(log.error).toHaveBeenCalledOnce();
  });

  test('is read from its start where another file has been written in its place meanwhile', async () => {
    await damageFrom(8);
    expect(await drain()).toEqual(['one', 'two', 'three']);
    vi.restoreAllMocks();
    await writeFile(oldest(), 'another line, the first of a file that is longer\n');
    clock += 10_000;
    await expect(drain()).rejects.toThrow('read from its start');
    expect(await drain()).toEqual(['another line, the first of a file that is longer']);
  });

  test('is looked at ever less often', async () => {
    const reads = await damageFrom(0);
    const looks: number[] = [];
    for (; clock <= 1_500_000; clock += 1_000) {
      reads.mockClear();
      await drain();
      if (reads.mock.calls.length > 0) looks.push(clock / 1_000);
    }
    expect(looks).toEqual([0, 10, 30, 70, 150, 310, 610, 910, 1_210]);
  });
});
