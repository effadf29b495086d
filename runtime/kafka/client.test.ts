import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import './client.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a connection looks once a second, while it lasts, for requests that take too long, also where the clock is set back', () => {
  let isConnected = true;
  let looks = 0;
  const queue = new RequestQueue({
    requestTimeout: 10_000,
    enforceRequestTimeout: true,
    isConnected() {
      looks++;
      return isConnected;
    },
  });
  const timeoutRequest = vi.fn();
  queue.inflight.set(1, { requestTimeout: 10_000, timeoutRequest });
  queue.scheduleRequestTimeoutCheck();
  vi.advanceTimersByTime(5_000);
  vi.setSystemTime(Date.now() - 86_400_000);
  vi.advanceTimersByTime(5_000);
  expect([looks, timeoutRequest.mock.calls.length]).toEqual([10, 0]);
  vi.advanceTimersByTime(1_000);
  expect(timeoutRequest).toHaveBeenCalledOnce();
  isConnected = false;
  vi.advanceTimersByTime(1_000);
  expect(vi.getTimerCount()).toBe(0);
});
