import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { limited } from '#runtime/errors/errors.ts';
import type { AccountQueues } from './account-queues.ts';

export interface LoginThrottleOptions {
  /** This many failures of one email in the window have no effect. */
  readonly freeFailures: number;
  /** Attempts waiting there count as waiting here. */
  readonly queues?: Pick<AccountQueues, 'waiting' | 'size'>;
  readonly pause?: (milliseconds: number, signal?: AbortSignal) => Promise<unknown>;
}

export interface LoginThrottle {
  /**
   * Throws RESOURCE_EXHAUSTED with RetryInfo when too many are already ahead; one that passes is not refused later because of those who
   * come after it.
   */
  refuseWhenFull(emailKey: string, failures: number): void;
  /** Returns when the log-in may proceed. Refuses like refuseWhenFull, since many may have arrived at once before any of them had failed. */
  wait(emailKey: string, failures: number, signal?: AbortSignal): Promise<void>;
}

/** The queue for one account. */
interface Row {
  tail: Promise<unknown>;
  length: number;
}

const firstPauseMs = 100;
const longestPauseMs = 1_000;
const failuresPerStep = 10;
/** Low enough that the last in the queue still meets the deadline of its call, and an owner does not wait behind a burst of guesses. */
const mostPerAccount = 4;
const mostAccounts = 256;

/**
 * Slows the guessing of one account without locking its owner out: log-ins proceed one by one, each after a pause that grows with the
 * failures in the window. Keyed by the text entered, so an unknown email is slowed in the same way.
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
