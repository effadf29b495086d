import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { atIntervals } from './at-intervals.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Work that takes 250 ms, called for once in a hundred; answers when it was begun and when done. */
async function called(times: number) {
  const began = Date.now();
  const seen: string[] = [];
  const { call, stop } = atIntervals(100, async () => {
    seen.push(`begun at ${Date.now() - began}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
    seen.push(`done at ${Date.now() - began}`);
  });
  for (let time = 0; time < times; time++) {
    call();
    call();
    await vi.advanceTimersByTimeAsync(100);
  }
  return { seen, stop };
}

it('work is done once for all calls of a pause', async () => {
  const { seen } = await called(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(seen).toEqual(['begun at 100', 'done at 350']);
});

it('work that takes longer than the pause comes to an end, and is done once more for who called meanwhile', async () => {
  const { seen } = await called(6);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(seen).toEqual(['begun at 100', 'done at 350', 'begun at 450', 'done at 700', 'begun at 800', 'done at 1050']);
});

it('nothing is begun once it is stopped', async () => {
  const { seen, stop } = await called(2);
  stop();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(seen).toEqual(['begun at 100', 'done at 350']);
});
