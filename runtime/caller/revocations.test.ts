import { Code, ConnectError } from '@connectrpc/connect';
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

test('all pages are read, the next time those behind them, and all where identity does not know the place any more', async () => {
  const revoked = ['a', 'b', 'c', 'd', 'e'];
  const asked: string[] = [];
  const revocations = createRevocations({
    async list(cursor) {
      asked.push(cursor);
      const from = Number(cursor);
      if (from > revoked.length) throw new ConnectError('There is no such place.', Code.InvalidArgument);
      const credentialIds = revoked.slice(from, from + 2);
      const end = from + credentialIds.length;
      return { credentialIds, cursor: String(end), more: end < revoked.length };
    },
    log: silentLog,
    intervalMs: 5,
  });
  await revocations.loaded();
  expect(asked).toEqual(['', '2', '4']);
  expect(revoked.every((id) => revocations.has(id))).toBe(true);
  revoked.push('f');
  await vi.waitFor(() => expect(revocations.has('f')).toBe(true));
  expect(asked.slice(3).every((cursor) => Number(cursor) >= 5)).toBe(true);
  // As it is when its database was restored from a backup.
  revoked.splice(0, revoked.length, 'g');
  await vi.waitFor(() => expect(revocations.has('g')).toBe(true));
  revocations.stop();
});

test('nobody is vouched for before the whole list was read, which many read at once', async () => {
  let pages = 0;
  const revocations = createRevocations({
    list: async () => ({ credentialIds: [`id-${pages}`], cursor: '', more: ++pages < 45 }),
    log: silentLog,
    intervalMs: 60_000,
  });
  const outcomes = await Promise.allSettled([revocations.loaded(), revocations.loaded()]);
  expect(outcomes).toMatchObject(Array(2).fill({ reason: { reason: 'DEPENDENCY_UNAVAILABLE' } }));
  expect(pages).toBe(40);
  await revocations.loaded();
  expect(pages).toBe(45);
  revocations.stop();
});
