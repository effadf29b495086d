import { unavailable } from '#runtime/errors/errors.ts';
import { createWakeup } from '#runtime/time/wakeup.ts';
import type { ClickRow, LiveDelivery } from '../store.ts';

/** The clicks of one link that one watcher has yet to take. */
export interface Subscription {
  readonly linkId: string;
  /** Clicks that were counted and will not be delivered. */
  readonly skipped: number;
  push(delivery: LiveDelivery): void;
  /** The waiting clicks, oldest first; empty if none came in time. Rejects once the subscription has failed. */
  take(waitMs: number): Promise<readonly ClickRow[]>;
  /** Drops what is waiting and ends with an error. */
  fail(error: unknown): void;
  close(): void;
}

/** When more than `limit` clicks wait, the subscription fails instead of using more memory or dropping some. */
export function createSubscription(linkId: string, limit: number, onClose: () => void): Subscription {
  let waiting: ClickRow[] = [];
  let skipped = 0;
  let fault: { readonly error: unknown } | undefined;
  const wakeup = createWakeup();

  const fail = (error: unknown): void => {
    fault ??= { error };
    waiting = [];
    wakeup.wake();
  };

  return {
    linkId,
    get skipped() {
      return skipped;
    },
    push({ clicks, total }) {
      if (fault) return;
      skipped += total - clicks.length;
      waiting.push(...clicks);
      if (waiting.length > limit)
        fail(unavailable('SUBSCRIBER_TOO_SLOW', 'Too many clicks are waiting to be read; start again.', 100));
      else wakeup.wake();
    },
    async take(waitMs) {
      if (!fault && waiting.length === 0) await wakeup.wait(waitMs);
      if (fault) throw fault.error;
      const taken = waiting;
      waiting = [];
      return taken;
    },
    fail,
    close() {
      onClose();
      fail(new Error('The subscription is closed.'));
    },
  };
}
