import { expect, test } from 'vitest';
import { silentLog } from '#runtime/telemetry/log.ts';
import { createHousekeeping } from './housekeeping.ts';

test('salts that are over are destroyed although nothing else can be done', async () => {
  const destroyed: string[] = [];
  const fault = async (): Promise<never> => {
    throw new Error('a partition cannot be locked');
  };
  const housekeeping = createHousekeeping({
    store: {
      salts: fault,
      async destroySaltsBefore(day) {
        destroyed.push(day);
        return 1;
      },
      rewriteSalts: fault,
    },
    partitions: { strays: fault, makeDay: fault, dropBefore: fault },
    erasure: { run: fault },
    log: silentLog,
    partitionDaysAhead: 7,
    saltKeepDays: 1,
    retentionDays: 400,
    minutesRetentionDays: 35,
    now: () => Date.parse('2026-03-02T12:00:00Z'),
  });
  await expect(housekeeping.once()).rejects.toThrow('a partition cannot be locked');
  expect(destroyed).toEqual(['2026-03-01']);
});
