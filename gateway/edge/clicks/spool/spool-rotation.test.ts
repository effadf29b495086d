import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLog } from '#runtime/telemetry/log.ts';
import { openSegment, SegmentMoved } from './segment.ts';
import { openSpool } from './spool.ts';
import { activeName, listSpool } from './spool-files.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hop-spool-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

const nameOf = (number: number): string => `clicks-${String(number).padStart(6, '0')}.jsonl`;

/** Renames the active file as fast as it can be done; the file with this number, from 1 on, has one byte more than that, a line. */
async function rotate(segments: number): Promise<void> {
  const active = join(directory, activeName);
  for (let number = 1; number <= segments; number++) {
    const made = join(directory, 'made');
    await writeFile(made, `${String(number).padStart(number, '0')}\n`);
    await rename(made, active);
    if (number < segments) await rename(active, join(directory, nameOf(number)));
  }
}

describe('while segments are renamed as fast as they can be', () => {
  test('none between two others is missing from the list', async () => {
    let isOver = false;
    const rotating = rotate(400).finally(() => {
      isOver = true;
    });
    const lists: number[][] = [];
    while (!isOver) {
      lists.push(listSpool(directory).map(({ size }) => size));
      await setImmediate();
    }
    await rotating;
    expect(lists.length).toBeGreaterThan(3);
    for (const sizes of lists) expect(sizes).toEqual(sizes.map((_, index) => (sizes[0] ?? 0) + index));
  });

  test('each line is read once, in its order, though segments are deleted as soon as they are acknowledged', async () => {
    const segments = 400;
    const spool = openSpool(directory, new Map(), { log: silentLog });
    let isOver = false;
    const rotating = rotate(segments).finally(() => {
      isOver = true;
    });
    const read: number[] = [];
    for (let idle = 0; idle < 2; ) {
      const wasOver = isOver;
      // As the forwarder does: a look that failed is made again.
      const chunk = await spool.next().catch(() => undefined);
      if (chunk) {
        read.push(...chunk.lines.map(Number));
        await spool.acknowledge(new Map([[chunk.segment, chunk.end]]));
      } else if (wasOver) idle++;
      await setImmediate();
    }
    await rotating;
    await spool.tidy();
    await spool.close();
    expect(read).toEqual(Array.from({ length: segments }, (_, index) => index + 1));
    expect(listSpool(directory).map(({ active }) => active)).toEqual([true]);
  });
});

test('a file that took the place of the one that was listed is not read as that one', async () => {
  const active = join(directory, activeName);
  await writeFile(active, 'one\n');
  const [listed] = listSpool(directory);
  await rename(active, join(directory, nameOf(1)));
  const opening = (): Promise<unknown> => openSegment(active, listed?.inode ?? '', () => 0);
  await expect(opening()).rejects.toThrow(SegmentMoved);
  await writeFile(active, 'two\n');
  await expect(opening()).rejects.toThrow(SegmentMoved);
});
