import { expect, it } from 'vitest';
import { cpuBetween, readCpu } from './cpu.ts';

it("counts a process's own threads as the system does", () => {
  const pids = new Map([['me', process.pid]]);
  const before = readCpu(pids);
  const used = process.cpuUsage();
  for (const end = process.cpuUsage().user + 200_000; process.cpuUsage().user < end; );
  const after = readCpu(pids);
  const { user, system } = process.cpuUsage(used);
  const { me = 0 } = cpuBetween(before, after).parts;
  // Between the two readings of each lie a few file reads, and the slice that the scheduler has not yet booked.
  expect(Math.abs(me - user - system)).toBeLessThan(40_000);
});

it('counts a thread that began in between from its beginning', () => {
  const snapshot = (threads: [string, number][]) => ({
    parts: new Map([['part', new Map(threads)]]),
    busyUs: 0,
    stolenUs: 0,
  });
  const { parts } = cpuBetween(
    snapshot([['1/1', 5_000]]),
    snapshot([
      ['1/1', 9_000],
      ['1/2', 3_000],
    ]),
  );
  expect(parts).toEqual({ part: 7 });
});
