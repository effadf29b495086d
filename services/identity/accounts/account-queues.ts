import { createHashingQueue, type HashingQueue } from './hashing-queue.ts';

/** Keeps the passwords of one account that are checked at once few. */
export interface AccountQueues {
  /** Runs the job in its turn. Throws RESOURCE_EXHAUSTED with RetryInfo when too many wait for this account. */
  run<Value>(emailKey: string, job: () => Promise<Value>, signal?: AbortSignal): Promise<Value>;
}

/**
 * One that is being checked counts as a failure until it is found right: were all of a burst checked at once, the right ones of an owner
 * would count against each other. Fewer than the usual free failures, though there be two processes; more than may wait in the
 * throttle's row, so that those who find no place there are refused at once.
 */
const atOnce = 8;

export function createAccountQueues(limit: number): AccountQueues {
  const accounts = new Map<string, { readonly queue: HashingQueue; users: number }>();
  return {
    async run(emailKey, job, signal) {
      const account = accounts.get(emailKey) ?? { queue: createHashingQueue({ concurrency: atOnce, limit }), users: 0 };
      accounts.set(emailKey, account);
      account.users += 1;
      try {
        return await account.queue.run(job, signal);
      } finally {
        account.users -= 1;
        if (account.users === 0) accounts.delete(emailKey);
      }
    },
  };
}
