import { unavailable } from '#runtime/errors/errors.ts';
import { createWakeup } from '#runtime/time/wakeup.ts';
import type { ChangeCursor } from './change-cursor.ts';
import type { Reading, StoredChange } from './change-log.ts';

/** What is sent to a watcher. */
export type WatchEvent =
  | { readonly type: 'change'; readonly change: StoredChange }
  /** All changes that are visible at the cursor have been sent. */
  | ({ readonly type: 'heartbeat' } & Pick<Reading, 'cursor' | 'spaces' | 'cachedUntilMs'>)
  /** Everything missed up to this cursor has been sent: a watcher that is too slow for what follows resumes from here. */
  | { readonly type: 'caught_up'; readonly cursor: ChangeCursor }
  /** Changes may have been missed. */
  | { readonly type: 'resynchronise'; readonly reason: string };

/** The events that one watcher has yet to take. */
export interface Subscription {
  push(events: readonly WatchEvent[]): void;
  /** All waiting events, at least one; rejects when the watcher is too slow. Empty once it has ended. */
  take(): Promise<readonly WatchEvent[]>;
  end(): void;
}

/** When more than `limit` events wait, the watcher loses them all and is told to resume from its last cursor. */
export function createSubscription(limit: number): Subscription {
  let waiting: WatchEvent[] = [];
  let state: 'open' | 'overrun' | 'ended' = 'open';
  const wakeup = createWakeup();

  function leave(next: 'overrun' | 'ended'): void {
    if (state === 'open') state = next;
    waiting = [];
    wakeup.wake();
  }

  return {
    push(events) {
      if (state !== 'open') return;
      for (const event of events) {
        // Of consecutive heartbeats only the newest matters.
        if (event.type === 'heartbeat' && waiting.at(-1)?.type === 'heartbeat') waiting.pop();
        waiting.push(event);
      }
      if (waiting.length > limit) leave('overrun');
      else wakeup.wake();
    },
    async take() {
      if (state === 'open' && waiting.length === 0) await wakeup.wait();
      if (state === 'overrun') {
        throw unavailable('SUBSCRIBER_TOO_SLOW', 'Too many changes wait; resume from the last cursor.', 100);
      }
      const taken = waiting;
      waiting = [];
      return taken;
    },
    end: () => leave('ended'),
  };
}
