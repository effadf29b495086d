import { expect, onTestFinished, test, vi } from 'vitest';
import { silentLog } from '#runtime/telemetry/log.ts';
import { createSalts } from './salts.ts';

const dayMs = 86_400_000;
const today = Math.floor(Date.parse('2026-03-02') / dayMs);
const dayOf = (day: number): string => new Date(day * dayMs).toISOString().slice(0, 10);

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
