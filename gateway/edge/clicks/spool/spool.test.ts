import { appendFile, mkdtemp, readdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLog } from '#runtime/telemetry/log.ts';
import { parseLine } from '../parse.ts';
import { spoolLine } from '../testing/spool-line.ts';
import type { Acknowledged } from './cursor.ts';
import type { Segment } from './segment.ts';
import { openSpool, type Spool } from './spool.ts';
import { activeName, segmentName } from './spool-files.ts';

let directory: string;
let active: string;
const opened: Spool[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hop-spool-'));
  active = join(directory, activeName);
});
afterEach(async () => {
  for (const spool of opened.splice(0)) await spool.close();
  await rm(directory, { recursive: true });
});

function start(found: Acknowledged = new Map()): Spool {
  const spool = openSpool(directory, found, { log: silentLog });
  opened.push(spool);
  return spool;
}

/** All that can be read now, and up to where. */
async function drain(spool: Spool): Promise<{ lines: string[]; unreadable: number; ends: Map<Segment, number> }> {
  const lines: string[] = [];
  const ends = new Map<Segment, number>();
  let unreadable = 0;
  for (let chunk = await spool.next(); chunk; chunk = await spool.next()) {
    lines.push(...chunk.lines);
    unreadable += chunk.unreadable;
    ends.set(chunk.segment, chunk.end);
  }
  return { lines, unreadable, ends };
}

async function rotate(number: number): Promise<void> {
  await rename(active, join(directory, `clicks-${number}.jsonl`));
}

describe('reading', () => {
  test('answers whole lines once, and the rest of a line when it is whole', async () => {
    await writeFile(active, 'one\ntwo\nthr');
    const spool = start();
    expect((await drain(spool)).lines).toEqual(['one', 'two']);
    expect(await spool.next()).toBeUndefined();
    await appendFile(active, 'ee\nfour\n');
    expect((await drain(spool)).lines).toEqual(['three', 'four']);
  });

  test('an absent or empty spool has nothing to say', async () => {
    const spool = start();
    expect(await spool.next()).toBeUndefined();
    await writeFile(active, '');
    expect(await spool.next()).toBeUndefined();
    expect(await spool.lag()).toBe(0);
  });

  test('a line that is too long is skipped and counted once; the next one is read', async () => {
    await writeFile(active, `before\n${'x'.repeat(700_000)}`);
    const spool = start();
    expect(await drain(spool)).toMatchObject({ lines: ['before'], unreadable: 1 });
    await appendFile(active, `${'y'.repeat(100_000)}\nafter\n`);
    expect(await drain(spool)).toMatchObject({ lines: ['after'], unreadable: 0 });
    await appendFile(active, `${'z'.repeat(70_000)}\nlast\n`);
    expect(await drain(spool)).toMatchObject({ lines: ['last'], unreadable: 1 });
  });

  test('goes on in a segment that was renamed under it, then in the next', async () => {
    await writeFile(active, 'one\n');
    const spool = start();
    expect((await drain(spool)).lines).toEqual(['one']);
    await rotate(1);
    await appendFile(join(directory, 'clicks-1.jsonl'), 'two\n');
    expect((await drain(spool)).lines).toEqual(['two']);
    await writeFile(active, 'three\n');
    expect((await drain(spool)).lines).toEqual(['three']);
  });

  test('a torn end waits while Envoy may go on writing, and costs one line once the next segment is there', async () => {
    await writeFile(active, 'one\ntor');
    await rotate(1);
    const spool = start();
    expect(await drain(spool)).toMatchObject({ lines: ['one'], unreadable: 0 });
    await writeFile(active, 'two\n');
    expect(await drain(spool)).toMatchObject({ lines: ['two'], unreadable: 1 });
  });
});

describe('acknowledging', () => {
  test('a new start goes on behind what was acknowledged', async () => {
    await writeFile(active, 'one\ntwo\n');
    const first = start();
    const { ends } = await drain(first);
    await appendFile(active, 'three\n');
    const cursor = new Map(await first.acknowledge(ends));
    expect(await first.lag()).toBe(6);
    expect((await drain(start(cursor))).lines).toEqual(['three']);
    expect((await drain(start())).lines).toEqual(['one', 'two', 'three']);
  });

  test('a segment is deleted when it is acknowledged whole and the next one is open, not before', async () => {
    await writeFile(active, 'one\n');
    await rotate(1);
    const spool = start();
    const { ends } = await drain(spool);
    await spool.acknowledge(ends);
    expect(await readdir(directory)).toEqual(['clicks-1.jsonl']);
    await writeFile(active, 'two\n');
    const second = await drain(spool);
    expect(second.lines).toEqual(['two']);
    const cursor = await spool.acknowledge(second.ends);
    expect(await readdir(directory)).toEqual([activeName]);
    expect(cursor.size).toBe(1);
  });

  test('one that Envoy may still be writing to is not deleted because a segment that others named sorts after it', async () => {
    const [renamed, foreign] = [segmentName(1_764_000_000_000), 'clicks-from-elsewhere.jsonl'];
    await writeFile(join(directory, renamed), 'one\n');
    // Nothing can be known of it, so it stays.
    await symlink(foreign, join(directory, foreign));
    const spool = start();
    const first = await drain(spool);
    expect(first.lines).toEqual(['one']);
    await spool.acknowledge(first.ends);
    expect(await readdir(directory)).toEqual([renamed, foreign]);
    await appendFile(join(directory, renamed), 'two\ntor');
    const second = await drain(spool);
    expect(second).toMatchObject({ lines: ['two'], unreadable: 0 });
    await spool.acknowledge(second.ends);
    await writeFile(active, 'three\n');
    const third = await drain(spool);
    expect(third).toMatchObject({ lines: ['three'], unreadable: 1 });
    await spool.acknowledge(third.ends);
    expect((await readdir(directory)).sort()).toEqual([foreign, activeName]);
  });

  test('one that others named is not deleted before there is an active file: they may have renamed that', async () => {
    const [foreign, renamed] = ['clicks-0-by-hand.jsonl', segmentName(1_764_000_000_000)];
    await writeFile(join(directory, foreign), 'two\n');
    await writeFile(join(directory, renamed), 'one\n');
    const spool = start();
    await spool.acknowledge((await drain(spool)).ends);
    expect((await readdir(directory)).sort()).toEqual([foreign, renamed]);
    await writeFile(active, 'three\n');
    await spool.acknowledge((await drain(spool)).ends);
    expect(await readdir(directory)).toEqual([activeName]);
  });

  test('a segment that is read but not acknowledged stays', async () => {
    await writeFile(active, 'one\n');
    await rotate(1);
    await writeFile(active, 'two\n');
    const spool = start();
    const { ends } = await drain(spool);
    const onlyActive = new Map([...ends].filter(([segment]) => segment.path === active));
    await spool.acknowledge(onlyActive);
    expect((await readdir(directory)).sort()).toEqual(['clicks-1.jsonl', activeName]);
  });

  test('a segment that grows after its end was seen is read on, not deleted', async () => {
    await writeFile(active, 'one\n');
    await rotate(1);
    await writeFile(active, 'two\n');
    const spool = start();
    const { ends } = await drain(spool);
    await appendFile(join(directory, 'clicks-1.jsonl'), 'late\n');
    await spool.acknowledge(ends);
    await appendFile(active, 'three\n');
    const { lines } = await drain(spool);
    expect(lines.sort()).toEqual(['late', 'three']);
  });

  test('a file that is cut while it is read is told of once, and read from its start', async () => {
    await writeFile(active, 'one\ntwo\nthree\n');
    const spool = start();
    const { ends } = await drain(spool);
    await truncate(active, 0);
    await appendFile(active, 'four\n');
    await expect(spool.next()).rejects.toThrow('was cut short');
    const second = await drain(spool);
    expect(second.lines).toEqual(['four']);
    // What is acknowledged only now is of the content that is gone.
    await spool.acknowledge(ends);
    expect(await spool.lag()).toBe(5);
    await rotate(1);
    await writeFile(active, 'five\n');
    expect((await drain(spool)).lines).toEqual(['five']);
    await spool.acknowledge(second.ends);
    expect(await readdir(directory)).toEqual([activeName]);
  });

  test('a file that was cut and written anew is read from its start', async () => {
    await writeFile(active, 'one\ntwo\n');
    const first = start();
    const cursor = new Map(await first.acknowledge((await drain(first)).ends));
    await truncate(active, 0);
    await appendFile(active, 'new\n');
    expect((await drain(start(cursor))).lines).toEqual(['new']);
  });

  test('so is one of which only the first line was left while no process read it', async () => {
    await writeFile(active, 'one\ntwo\n');
    const first = start();
    const cursor = new Map(await first.acknowledge((await drain(first)).ends));
    await truncate(active, 4);
    expect((await drain(start(cursor))).lines).toEqual(['one']);
  });

  test('a segment of nothing but a torn line is deleted when that is acknowledged', async () => {
    await writeFile(active, 'tor');
    await rotate(1);
    await writeFile(active, 'two\n');
    const spool = start();
    const { ends, unreadable } = await drain(spool);
    expect(unreadable).toBe(1);
    await spool.acknowledge(ends);
    expect(await readdir(directory)).toEqual([activeName]);
  });
});

describe('limits', () => {
  const roomy = { maxBytes: 1_000_000, maxAgeMs: 60_000 };
  async function segments(...texts: string[]): Promise<void> {
    for (const [index, text] of texts.entries()) {
      await writeFile(active, text);
      if (index < texts.length - 1) await rotate(index + 1);
    }
  }

  test('within them nothing is dropped', async () => {
    await segments('one\n', 'two\n', 'three\n');
    expect(await start().shed(roomy, Date.now())).toEqual([]);
    expect(await readdir(directory)).toHaveLength(3);
  });

  test('beyond the quota the oldest segments go, as many as it takes, and the one in writing never', async () => {
    await segments('one\ntwo\n', 'three\n', 'four\n', 'five\n');
    const spool = start();
    const dropped = await spool.shed({ ...roomy, maxBytes: 11 }, Date.now());
    expect(dropped).toEqual([
      { segment: 'clicks-1.jsonl', reason: 'quota', lines: 2, bytes: 8 },
      { segment: 'clicks-2.jsonl', reason: 'quota', lines: 1, bytes: 6 },
    ]);
    expect((await drain(spool)).lines).toEqual(['four', 'five']);
    expect(await spool.shed({ ...roomy, maxBytes: 1 }, Date.now())).toEqual([]);
    expect(await spool.shed(roomy, Date.now() + 61_000)).toEqual([]);
    expect(await readdir(directory)).toEqual([activeName]);
  });

  test('a renamed segment that Envoy may still be writing to does not go for the quota', async () => {
    const [older, newer] = [segmentName(1_764_000_000_000), segmentName(1_764_000_000_001)];
    await writeFile(join(directory, older), 'one\n');
    await writeFile(join(directory, newer), 'two\n');
    await writeFile(join(directory, 'clicks-by-others.jsonl'), 'three\n');
    expect(await start().shed({ ...roomy, maxBytes: 0 }, Date.now())).toMatchObject([{ segment: older }]);
    expect(await readdir(directory)).toEqual([newer, 'clicks-by-others.jsonl']);
  });

  test('a segment that is too old goes, also the last one of an Envoy that is gone, and a torn line counts', async () => {
    await segments('one\n', 'two\ntor');
    await rotate(2);
    const dropped = await start().shed(roomy, Date.now() + 61_000);
    expect(dropped.map(({ reason, lines }) => [reason, lines])).toEqual([
      ['age', 1],
      ['age', 2],
    ]);
    expect(await readdir(directory)).toEqual([]);
  });

  test('of a segment that goes, what had been read is not counted as dropped, and its acknowledgement is forgotten', async () => {
    await segments('one\ntwo\n', 'three\n');
    const first = start();
    const chunk = await first.next();
    const ends = new Map(chunk ? [[chunk.segment, chunk.end]] : []);
    expect((await first.acknowledge(ends)).size).toBe(1);
    await appendFile(join(directory, 'clicks-1.jsonl'), 'late\n');
    expect(await first.shed({ ...roomy, maxBytes: 6 }, Date.now())).toMatchObject([{ lines: 1 }]);
    expect((await first.acknowledge(ends)).size).toBe(0);
    expect((await drain(first)).lines).toEqual(['three']);
  });

  test('the segments of a spool that a start finds are dropped from where the cursor stands', async () => {
    await segments('one\ntwo\nthree\n', 'four\n');
    const first = start();
    const chunk = await first.next();
    const cursor = new Map(await first.acknowledge(new Map(chunk ? [[chunk.segment, 4]] : [])));
    expect(await start(cursor).shed({ ...roomy, maxBytes: 5 }, Date.now())).toMatchObject([{ lines: 2, bytes: 10 }]);
  });
});

test('whatever bits of the spool are spoiled, every other line is read, and what was spoiled is counted', async () => {
  const spoiling = fc.record({
    line: fc.nat({ max: 49 }),
    // What a cable, a disk or a crashed kernel leaves: other bytes, zeros, a cut; never a line's end inside a line.
    how: fc.constantFrom(
      (text: string) => '\0'.repeat(text.length),
      (text: string) => text.slice(0, text.length >> 1),
      (text: string) => text.slice(5).padEnd(text.length, '\xff'),
      () => 'x'.repeat(70_000),
      () => 'y'.repeat(700_000),
    ),
  });
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(spoiling, { maxLength: 8, selector: (one) => one.line }), async (spoils) => {
      const own = await mkdtemp(join(tmpdir(), 'hop-spool-'));
      const lines = Array.from({ length: 50 }, (_, number) => spoolLine(number));
      for (const { line: number, how } of spoils) lines[number] = how(lines[number] ?? '');
      await writeFile(join(own, activeName), `${lines.join('\n')}\n`);
      const spool = openSpool(own, new Map(), { log: silentLog });
      const read = await drain(spool);
      await spool.close();
      await rm(own, { recursive: true });
      const outcomes = read.lines.map(parseLine);
      const clicks = outcomes.flatMap((outcome) => (typeof outcome === 'string' ? [] : [outcome.atUs % 1_000]));
      const spoiled = new Set(spoils.map((one) => one.line));
      expect(clicks).toEqual(Array.from({ length: 50 }, (_, number) => number).filter((one) => !spoiled.has(one)));
      expect(outcomes.length - clicks.length + read.unreadable).toBe(spoiled.size);
    }),
    { numRuns: 40 },
  );
});

test('whatever happens between, every line is read, in its order, and after the last acknowledgement only once', async () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant('write' as const), lines: fc.integer({ min: 1, max: 40 }) }) },
    { weight: 2, arbitrary: fc.constant({ do: 'rotate' as const }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('read' as const), chunks: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 3, arbitrary: fc.constant({ do: 'acknowledge' as const }) },
    { weight: 2, arbitrary: fc.constant({ do: 'restart' as const }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const own = await mkdtemp(join(tmpdir(), 'hop-spool-'));
      const file = join(own, activeName);
      let written = 0;
      let segments = 0;
      let saved: Acknowledged = new Map();
      let durable: string[] = [];
      let read: string[] = [];
      let ends = new Map<Segment, number>();
      let spool = openSpool(own, saved, { log: silentLog });
      const take = async (chunks: number): Promise<void> => {
        for (let count = 0; count < chunks; count++) {
          const chunk = await spool.next();
          if (!chunk) return;
          read.push(...chunk.lines);
          ends.set(chunk.segment, chunk.end);
        }
      };
      const acknowledge = async (): Promise<void> => {
        saved = new Map(await spool.acknowledge(ends));
        durable.push(...read);
        read = [];
        ends = new Map();
      };
      for (const now of steps) {
        if (now.do === 'write') {
          for (let count = 0; count < now.lines; count++) await appendFile(file, `line ${written++}\n`);
        } else if (now.do === 'rotate') {
          const name = `clicks-${String(++segments).padStart(6, '0')}.jsonl`;
          const there = await rename(file, join(own, name)).then(
            () => true,
            () => false,
          );
          if (there) await writeFile(file, '');
        } else if (now.do === 'read') await take(now.chunks);
        else if (now.do === 'acknowledge') await acknowledge();
        else {
          await spool.close();
          read = [];
          ends = new Map();
          spool = openSpool(own, saved, { log: silentLog });
        }
      }
      await take(10_000);
      await acknowledge();
      await spool.close();
      await rm(own, { recursive: true });
      durable = durable.filter((line) => line !== '');
      expect(durable).toEqual(Array.from({ length: written }, (_, index) => `line ${index}`));
    }),
    { numRuns: 60 },
  );
});
