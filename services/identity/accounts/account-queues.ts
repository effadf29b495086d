import { limited } from '#runtime/errors/errors.ts';
import { createHashingQueue, type HashingQueue } from './hashing-queue.ts';

/** Limits how many passwords of one account are checked at the same time. */
export interface AccountQueues {
  /** Runs the job in its turn. Throws RESOURCE_EXHAUSTED with RetryInfo when too many wait for this account. */
  run<Value>(emailKey: string, job: () => Promise<Value>, signal?: AbortSignal): Promise<Value>;
  /** How many attempts for an account wait for their turn. */
  waiting(emailKey: string): number;
  /** How many attempts are running or waiting. */
  size(emailKey: string): number;
}

/**
 * A password being checked counts as a failure until it proves right: if all of a burst were checked at once, an owner's correct log-ins
 * would count against each other. Even with six processes this is fewer than the default number of free failures, and it keeps the two hashes
 * that run at once busy.
 */
const atOnce = 3;

export function createAccountQueues(limit: number): AccountQueues {
  const accounts = new Map<string, { readonly queue: HashingQueue; users: number }>();
  const refusal = (retryMs: number) =>
    limited('RATE_LIMITED', 'Too many log-ins of this account are waiting.', retryMs);
  const newQueue = (): HashingQueue => createHashingQueue({ concurrency: atOnce, limit, refusal });
  return {
    async run(emailKey, job, signal) {
      const account = accounts.get(emailKey) ?? { queue: newQueue(), users: 0 };
      accounts.set(emailKey, account);
      account.users += 1;
      try {
        return await account.queue.run(job, signal);
      } finally {
        account.users -= 1;
        if (account.users === 0) accounts.delete(emailKey);
      }
    },
    waiting: (emailKey) => accounts.get(emailKey)?.queue.waiting ?? 0,
    size: (emailKey) => accounts.get(emailKey)?.users ?? 0,
  };
}
