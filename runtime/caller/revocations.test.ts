import { expect, test, vi } from 'vitest';
import { silentLog } from '../telemetry/log.ts';
import { createRevocations } from './revocations.ts';

/** As many as are kept. */
const most = 200_000;
const minute = 60_000;

test('what is forgotten because it is too old to matter lets no token be refused, and nobody be warned', async () => {
  let nowMs = 0;
  const waiting: string[][] = [Array.from({ length: most }, (_, each) => `old-${each}`)];
  const warn = vi.fn();
  const revocations = createRevocations({
    list: async () => ({ credentialIds: waiting.shift() ?? [], cursor: '', more: false }),
    log: { ...silentLog, warn },
    intervalMs: 5,
    now: () => nowMs,
  });
  await vi.waitFor(() => expect(revocations.has('old-0')).toBe(true));
  nowMs += 21 * minute;
  waiting.push(['new-0']);
  await vi.waitFor(() => expect(revocations.has('new-0')).toBe(true));
  expect(revocations.has('old-0')).toBe(false);
  expect(warn).not.toHaveBeenCalled();
  expect(revocations.mayHaveForgotten(60 * minute)).toBe(false);
  // These are more than are kept, and none of them is old.
  nowMs += minute;
  waiting.push(Array.from({ length: most }, (_, each) => `more-${each}`));
  await vi.waitFor(() => expect(revocations.has('new-0')).toBe(false));
  expect(warn).toHaveBeenCalledOnce();
  expect([1, 0].map((minutes) => revocations.mayHaveForgotten(minutes * minute))).toEqual([true, false]);
  revocations.stop();
});
