import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { silentLog } from '#runtime/telemetry/log.ts';
import type { Acknowledged } from './cursor.ts';
import { createCursorSaver } from './cursor-saver.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const at = (offset: number): Acknowledged => new Map([['7:a', offset]]);

test('saves once a second what is the newest by then, and the last at the end', async () => {
  const saved: (number | undefined)[] = [];
  const saver = createCursorSaver({ save: async (all) => void saved.push(all.get('7:a')) }, silentLog);
  for (let offset = 1; offset <= 10; offset++) {
    saver.moved(at(offset));
    await vi.advanceTimersByTimeAsync(250);
  }
  expect(saved).toEqual([4, 8]);
  await saver.close();
  expect(saved).toEqual([4, 8, 10]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(saved).toEqual([4, 8, 10]);
});

test('one save waits for the one before, and one that fails is followed by the next', async () => {
  const saved: (number | undefined)[] = [];
  const disk = Promise.withResolvers<void>();
  const saver = createCursorSaver(
    {
      async save(all) {
        saved.push(all.get('7:a'));
        if (saved.length === 1) await disk.promise;
      },
    },
    silentLog,
  );
  saver.moved(at(1));
  await vi.advanceTimersByTimeAsync(1_000);
  saver.moved(at(2));
  await vi.advanceTimersByTimeAsync(2_000);
  expect(saved).toEqual([1]);
  disk.reject(new Error('the disk is full'));
  await saver.close();
  expect(saved).toEqual([1, 2]);
});

test('one that fails is made again a second later, and at the end, without another click', async () => {
  let disk = 'full';
  const saved: string[] = [];
  const saver = createCursorSaver(
    {
      async save() {
        saved.push(disk);
        if (disk === 'full') throw new Error('the disk is full');
      },
    },
    silentLog,
  );
  saver.moved(at(1));
  await vi.advanceTimersByTimeAsync(2_500);
  expect(saved).toEqual(['full', 'full']);
  disk = 'free';
  await saver.close();
  expect(saved).toEqual(['full', 'full', 'free']);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(saved).toHaveLength(3);
});
