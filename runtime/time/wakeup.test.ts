import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createWakeup } from './wakeup.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function waiting(wakeup: ReturnType<typeof createWakeup>, atMostMs?: number) {
  const seen = { isOver: false };
  void wakeup.wait(atMostMs).then(() => {
    seen.isOver = true;
  });
  return seen;
}

it('ends a wait that is under way, and leaves no timer behind', async () => {
  const wakeup = createWakeup();
  const wait = waiting(wakeup, 1_000);
  await vi.advanceTimersByTimeAsync(999);
  expect(wait.isOver).toBe(false);
  wakeup.wake();
  await vi.advanceTimersByTimeAsync(0);
  expect(wait.isOver).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});

it('ends a wait when its time is over, and none without a time', async () => {
  const wakeup = createWakeup();
  const wait = waiting(wakeup, 1_000);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(wait.isOver).toBe(true);
  const endless = waiting(wakeup);
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(endless.isOver).toBe(false);
});

it('forgets a word that nobody waited for', async () => {
  const wakeup = createWakeup();
  wakeup.wake();
  const wait = waiting(wakeup);
  await vi.advanceTimersByTimeAsync(0);
  expect(wait.isOver).toBe(false);
});
