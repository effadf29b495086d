import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { limited } from '#runtime/errors/errors.ts';
import type { AccountQueues } from './account-queues.ts';

export interface LoginThrottleOptions {
  /** So many failures of one email in the window cost nothing. */
  readonly freeFailures: number;
  /** Those that wait there count as waiting here. */
  readonly queues?: Pick<AccountQueues, 'waiting' | 'size'>;
  readonly pause?: (milliseconds: number, signal?: AbortSignal) => Promise<unknown>;
}

export interface LoginThrottle {
  /** Throws RESOURCE_EXHAUSTED with RetryInfo when too many are ahead already; one that passes is not refused later for those who come after it. */
  refuseWhenFull(emailKey: string, failures: number): void;
  /** Returns when the log-in may go on. Refuses as the other does, for many may have come at once before any of them had failed. */
  wait(emailKey: string, failures: number, signal?: AbortSignal): Promise<void>;
}

/** Those who wait for one account. */
interface Row {
  tail: Promise<unknown>;
  length: number;
}

const firstPauseMs = 100;
const longestPauseMs = 1_000;
const failuresPerStep = 10;
/** So that the last in the row is let through within the deadline of its call, and an owner does not stand behind a burst of guesses. */
const mostPerAccount = 4;
const mostAccounts = 256;

/**
 * Slows the guessing of one account, without locking its owner out: log-ins for it go one by one, each after a pause that
 * grows with the failures of the window. Judged by what was typed, so an unknown email is slowed alike.
 */
export function createLoginThrottle({
  freeFailures,
  queues = { waiting: () => 0, size: () => 0 },
  pause = pauseFor,
}: LoginThrottleOptions): LoginThrottle {
  const rows = new Map<string, Row>();

  const rowOf = (account: string): Row => rows.get(account) ?? { tail: Promise.resolve(), length: 0 };
  const refuseBehind = (ahead: number, row: Row, pauseMs: number): void => {
    if (ahead >= mostPerAccount || (row.length === 0 && rows.size >= mostAccounts)) {
      throw limited('RATE_LIMITED', 'Too many log-ins for this email; try again later.', pauseMs * (row.length + 1));
    }
  };

  return {
    refuseWhenFull(emailKey, failures) {
      if (failures < freeFailures) return;
      refuseBehind(queues.size(emailKey), rowOf(accountOf(emailKey)), pauseAfter(failures - freeFailures));
    },
    async wait(emailKey, failures, signal) {
      if (failures < freeFailures) return;
      const account = accountOf(emailKey);
      const pauseMs = pauseAfter(failures - freeFailures);
      const row = rowOf(account);
      refuseBehind(row.length + queues.waiting(emailKey), row, pauseMs);
      rows.set(account, row);
      row.length += 1;
      const turn = row.tail.then(() => pause(pauseMs, signal));
      row.tail = turn.catch(() => {});
      try {
        await turn;
      } finally {
        row.length -= 1;
        if (row.length === 0) rows.delete(account);
      }
    },
  };
}

function accountOf(emailKey: string): string {
  return createHash('sha256').update(emailKey).digest('base64');
}

function pauseAfter(extraFailures: number): number {
  return Math.min(longestPauseMs, firstPauseMs * 2 ** Math.floor(extraFailures / failuresPerStep));
}

function pauseFor(milliseconds: number, signal?: AbortSignal): Promise<unknown> {
  return sleep(milliseconds, undefined, signal && { signal });
}
