import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLog } from '#runtime/telemetry/log.ts';
import { openSpool } from './spool.ts';
import { createSpoolCare } from './spool-care.ts';
import type { Dropped } from './spool-quota.ts';

it('syncs each second, and is well again ten minutes after a loss, also where the clock was set back', async () => {
  const clocks = { wall: Date.now(), forward: 0 };
  const lost: Dropped[] = [{ segment: 'clicks-1.jsonl', reason: 'quota', lines: 1, bytes: 100 }];
  let syncs = 0;
  const faults = { unreadable: 0, undeletable: 0 };
  const care = createSpoolCare({
    directory: tmpdir(),
    spool: {
      sync: async () => void syncs++,
      tidy: async () => {},
      shed: async () => lost.splice(0),
      unreadable: () => faults.unreadable,
      undeletable: () => faults.undeletable,
      unreadForMs: () => 0,
      lag: async () => 0,
    },
    rotation: { tick: async () => {} },
    limits: { maxBytes: 1, maxAgeMs: 1 },
    minFreeBytes: 0,
    syncMs: 1_000,
    log: silentLog,
    wallClock: () => clocks.wall,
    now: () => clocks.forward,
  });
  await care.once();
  clocks.wall -= 3_600_000;
  clocks.forward += 999;
  await care.once();
  expect(syncs).toBe(1);
  await expect(care.check()).rejects.toThrow('dropped');
  clocks.forward += 1;
  await care.once();
  expect(syncs).toBe(2);
  clocks.forward += 598_999;
  await expect(care.check()).rejects.toThrow('dropped');
  clocks.forward += 1;
  await care.check();
  faults.unreadable = 1;
  await expect(care.check()).rejects.toThrow('cannot be read');
  faults.unreadable = 0;
  faults.undeletable = 1;
  await expect(care.check()).rejects.toThrow('cannot be deleted');
});

it('is not well where the disk has less room than it needs, and is not synced where that is switched off', async () => {
  const sync = vi.fn(async () => {});
  const spool = {
    ...{ sync, tidy: async () => {}, shed: async () => [], lag: async () => 0 },
    ...{ unreadable: () => 0, undeletable: () => 0, unreadForMs: () => 0 },
  };
  const care = createSpoolCare({
    ...{ directory: tmpdir(), spool, rotation: { tick: async () => {} }, limits: { maxBytes: 1, maxAgeMs: 1 } },
    ...{ minFreeBytes: Number.MAX_SAFE_INTEGER, syncMs: 0, log: silentLog },
  });
  await care.once();
  expect(sync).not.toHaveBeenCalled();
  await expect(care.check()).rejects.toThrow('full');
});

it('does the rest where one part of it fails: a spool that cannot be rotated is kept within its limits all the same', async () => {
  const log = { ...silentLog, error: vi.fn() };
  const done: string[] = [];
  const fail = (part: string) => async () => {
    done.push(part);
    throw new Error(`${part} failed`);
  };
  const care = createSpoolCare({
    directory: '/nowhere',
    spool: {
      ...{ sync: fail('sync'), tidy: fail('tidy'), shed: fail('shed'), lag: fail('lag') },
      unreadable: () => 0,
      undeletable: () => 0,
      unreadForMs: () => 0,
    },
    rotation: { tick: fail('rotate') },
    limits: { maxBytes: 1, maxAgeMs: 1 },
    minFreeBytes: 0,
    syncMs: 1_000,
    log,
  });
  await care.once();
  expect(done).toEqual(['sync', 'rotate', 'tidy', 'shed', 'lag']);
  expect(log.error).toHaveBeenCalledTimes(6);
});

describe('a spool that cannot be listed, although it can be accessed', () => {
  let parent: string;
  let directory: string;
  const clocks = { forward: 0 };
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'hop-spool-'));
    directory = join(parent, 'spool');
    await mkdir(directory);
  });
  afterEach(() => rm(parent, { recursive: true }));

  const start = () => {
    const now = () => clocks.forward;
    const spool = openSpool(directory, new Map(), { log: silentLog, now });
    const care = createSpoolCare({
      ...{ directory, spool, rotation: { tick: async () => {} }, limits: { maxBytes: 1, maxAgeMs: 1 } },
      ...{ minFreeBytes: 0, syncMs: 1_000, log: silentLog, now },
    });
    return { spool, care };
  };
  const spoil = async (): Promise<void> => {
    await rename(directory, join(parent, 'away'));
    await writeFile(directory, 'not a directory');
  };
  const mend = async (): Promise<void> => {
    await rm(directory);
    await rename(join(parent, 'away'), directory);
  };

  it('is not well once it could not be listed for seconds, until it can', async () => {
    const { care } = start();
    await care.once();
    await care.check();
    clocks.forward += 3_600_000;
    await spoil();
    await care.once();
    await care.check();
    clocks.forward += 5_000;
    await care.once();
    await expect(care.check()).rejects.toThrow('cannot be listed');
    await mend();
    await care.once();
    await care.check();
  });

  it('is not well once it could not be read for seconds, however long it was not read before', async () => {
    const { spool, care } = start();
    await spool.next();
    clocks.forward += 3_600_000;
    await spoil();
    await expect(spool.next()).rejects.toThrow();
    expect(spool.unreadForMs()).toBe(0);
    await care.check();
    clocks.forward += 5_000;
    await expect(spool.next()).rejects.toThrow();
    expect(spool.unreadForMs()).toBe(5_000);
    await expect(care.check()).rejects.toThrow('cannot be read');
    await mend();
    await spool.next();
    expect(spool.unreadForMs()).toBe(0);
    await care.check();
  });
});
