import { afterEach, expect, test } from 'vitest';
import { silentLog } from '#runtime/telemetry/log.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { type Sweeper, startSweeper } from './sweeper.ts';

let sweeper: Sweeper | undefined;
afterEach(() => sweeper?.stop());

function start(purge: (limit: number, signal: AbortSignal) => Promise<number>) {
  const swept = { expired: 0, keys: 0, changes: 0 };
  sweeper = startSweeper({
    store: {
      expireLinks: async () => {
        swept.expired++;
        return 0;
      },
      sweepIdempotencyKeys: async () => {
        swept.keys++;
        return 0;
      },
    },
    changeLog: {
      prune: async () => {
        swept.changes++;
        return 0;
      },
    },
    purge,
    log: silentLog,
    everyMs: 1,
    retentionMs: 86_400_000,
  });
  return swept;
}

test('links that ended are marked while analytics takes its time, and the end does not wait for it', async () => {
  let purges = 0;
  const swept = start((_limit, signal) => {
    purges++;
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  });
  await waitFor(() => swept.expired > 2 && swept.keys > 0 && swept.changes > 0);
  await sweeper?.stop();
  expect(purges).toBe(1);
});

test('what fails is tried again, and a sweep ends although there is always more', async () => {
  let purges = 0;
  const swept = start(async (limit) => {
    purges++;
    if (purges === 1) throw new Error('away');
    return limit;
  });
  await waitFor(() => purges > 21);
  expect(swept.expired).toBeGreaterThan(0);
});
