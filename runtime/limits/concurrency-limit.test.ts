import { expect, test } from 'vitest';
import { PoolBusyError } from '../postgres/pool.ts';
import { createConcurrencyLimit } from './concurrency-limit.ts';

/** Work that ends when it is told to; `begun` has the owners of what has begun. */
function works(limits: { most: number; maxWaiting: number; patienceMs?: number }) {
  const limit = createConcurrencyLimit({ patienceMs: 60_000, ...limits });
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const start = (owner: string): Promise<void> => {
    const running = limit.run(owner, async () => {
      begun.push(owner);
      await new Promise<void>((resolve) => ends.push(resolve));
    });
    running.catch(() => {});
    return running;
  };
  return { limit, begun, start, end: (at: number) => ends[at]?.() };
}

test("an owner's third work waits for one of two, and another owner's does not", async () => {
  const { begun, start, end } = works({ most: 2, maxWaiting: 1 });
  const first = start('ada');
  const rest = [start('ada'), start('ada'), start('grace')];
  expect(begun).toEqual(['ada', 'ada', 'grace']);
  await expect(start('ada')).rejects.toThrow(PoolBusyError);
  end(0);
  await first;
  expect(begun).toEqual(['ada', 'ada', 'grace', 'ada']);
  for (const at of [1, 2, 3]) end(at);
  await Promise.all(rest);
});

test('work that waits for too long is refused, and takes no turn', async () => {
  const { begun, start, end } = works({ most: 1, maxWaiting: 1, patienceMs: 1 });
  const first = start('ada');
  await expect(start('ada')).rejects.toThrow(PoolBusyError);
  end(0);
  await first;
  void start('ada');
  expect(begun).toEqual(['ada', 'ada']);
});

test('work that fails gives its place back', async () => {
  const { limit, begun, start } = works({ most: 1, maxWaiting: 1 });
  const failing = limit.run('ada', () => Promise.reject(new Error('It failed.')));
  void start('ada');
  await expect(failing).rejects.toThrow('It failed.');
  await new Promise(setImmediate);
  expect(begun).toEqual(['ada']);
});

test('forty works of one owner that begin in the same moment all have their turn, two at a time', async () => {
  const limit = createConcurrencyLimit({ most: 2 });
  let running = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    most = Math.max(most, ++running);
    await new Promise(setImmediate);
    running--;
  };
  await Promise.all(Array.from({ length: 40 }, () => limit.run('ada', work)));
  expect(most).toBe(2);
});
