import { unavailable } from '#runtime/errors/errors.ts';
import { createWakeup } from '#runtime/time/wakeup.ts';
import type { ChangeCursor } from './change-cursor.ts';
import type { Reading, StoredChange } from './change-log.ts';

/** What a watcher is told. */
export type WatchEvent =
  | { readonly type: 'change'; readonly change: StoredChange }
  /** All changes that are visible at the cursor have been told. */
  | ({ readonly type: 'heartbeat' } & Pick<Reading, 'cursor' | 'spaces' | 'cachedUntilMs'>)
  /** What had been missed has been told up to this cursor: a watcher that is too slow for what follows goes on from here. */
  | { readonly type: 'caught_up'; readonly cursor: ChangeCursor }
  /** Changes may have been missed. */
  | { readonly type: 'resynchronise'; readonly reason: string };

/** The events that one watcher has not taken yet. */
export interface Subscription {
  push(events: readonly WatchEvent[]): void;
  /** Everything that waits, at least one event; rejects when the watcher is too slow. Empty once it is ended. */
  take(): Promise<readonly WatchEvent[]>;
  end(): void;
}

/** A watcher that lets more than `limit` events wait loses them all and is told to resume from its last cursor. */
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
        // Only the newest of heartbeats that follow each other says anything.
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
