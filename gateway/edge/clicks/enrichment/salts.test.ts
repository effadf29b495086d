import { expect, onTestFinished, test, vi } from 'vitest';
import { silentLog } from '#runtime/telemetry/log.ts';
import { createSalts } from './salts.ts';

const dayMs = 86_400_000;
const today = Math.floor(Date.parse('2026-03-02') / dayMs);
const dayOf = (day: number): string => new Date(day * dayMs).toISOString().slice(0, 10);

test('is asked for every second until those of today and tomorrow are there, then every ten minutes; what is no longer told is gone', async () => {
  vi.useFakeTimers({ now: today * dayMs });
  onTestFinished(() => void vi.useRealTimers());
  let days = [today];
  let asked = 0;
  const analytics = {
    async getVisitorSalts() {
      asked++;
      return { salts: days.map((day) => ({ day: dayOf(day), salt: new Uint8Array(32).fill(1) })) };
    },
  };
  const salts = createSalts(analytics as never, { log: silentLog, keepMs: dayMs });
  const stopping = new AbortController();
  const keeping = salts.keep(stopping.signal);
  await vi.advanceTimersByTimeAsync(2_500);
  expect([salts.ready(), asked]).toEqual([false, 3]);
  days = [today - 1, today, today + 1];
  await vi.advanceTimersByTimeAsync(1_000);
  expect([salts.ready(), asked]).toEqual([true, 4]);
  days = [today, today + 1];
  await vi.advanceTimersByTimeAsync(599_000);
  expect([salts.of(today - 1), asked]).toEqual([expect.any(String), 4]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([salts.of(today - 1), asked]).toEqual([undefined, 5]);
  stopping.abort();
  await keeping;
});

test('a salt that is over is forgotten, although analytics does not answer any more', async () => {
  vi.useFakeTimers({ now: today * dayMs });
  onTestFinished(() => void vi.useRealTimers());
  let isAway = false;
  const analytics = {
    async getVisitorSalts() {
      if (isAway) throw new Error('nobody answers');
      return { salts: [today, today + 1].map((day) => ({ day: dayOf(day), salt: new Uint8Array(32).fill(1) })) };
    },
  };
  const salts = createSalts(analytics as never, { log: silentLog, keepMs: dayMs });
  const stopping = new AbortController();
  const keeping = salts.keep(stopping.signal);
  await vi.advanceTimersByTimeAsync(0);
  expect(salts.ready()).toBe(true);
  isAway = true;
  vi.setSystemTime((today + 2) * dayMs - 5_000);
  await vi.advanceTimersByTimeAsync(0);
  expect(salts.of(today)).toBeDefined();
  vi.setSystemTime((today + 2) * dayMs);
  await vi.advanceTimersByTimeAsync(600_000);
  expect([salts.of(today), salts.of(today + 1)]).toEqual([undefined, expect.any(String)]);
  stopping.abort();
  await keeping;
});
