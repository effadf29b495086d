import { expect, it } from 'vitest';
import { createLoginThrottle } from './login-throttle.ts';

it('pauses longer the more often it failed, up to a bound', async () => {
  const pauses: number[] = [];
  const pause = async (milliseconds: number): Promise<void> => void pauses.push(milliseconds);
  const throttle = createLoginThrottle({ freeFailures: 20, pause });
  for (const failures of [0, 19, 20, 29, 30, 60, 10_000]) await throttle.wait('a@example.com', failures);
  expect(pauses).toEqual([100, 100, 200, 1_000, 1_000]);
});

it('lets log-ins of one account through one by one, refuses a long row, and leaves other accounts alone', async () => {
  const turns: (() => void)[] = [];
  const pause = (): Promise<void> => new Promise((resolve) => turns.push(resolve));
  const throttle = createLoginThrottle({ freeFailures: 0, pause });
  const row = Array.from({ length: 4 }, () => throttle.wait('a@example.com', 1));
  await expect(throttle.wait('a@example.com', 1)).rejects.toMatchObject({ kind: 'limited', reason: 'RATE_LIMITED' });
  const other = throttle.wait('b@example.com', 1);
  await Promise.resolve();
  expect(turns).toHaveLength(2);
  for (let turn = 0; turn < 5; turn++) {
    turns[turn]?.();
    await new Promise(setImmediate);
  }
  await Promise.all([...row, other]);
  const again = throttle.wait('a@example.com', 1);
  await Promise.resolve();
  turns.at(-1)?.();
  await again;
});
