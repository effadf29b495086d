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

/** A change may have 18 KB, and a watcher that hangs is noticed after 40 s: their number alone would not bound the memory. */
const mostBytes = 33_554_432;

/** When more than `limit` events wait, or more than 32 MiB, the watcher loses them all and is told to resume from its last cursor. */
export function createSubscription(limit: number): Subscription {
  let waiting: WatchEvent[] = [];
  let waitingBytes = 0;
  let state: 'open' | 'overrun' | 'ended' = 'open';
  const wakeup = createWakeup();

  function empty(): void {
    waiting = [];
    waitingBytes = 0;
  }

  function leave(next: 'overrun' | 'ended'): void {
    if (state === 'open') state = next;
    empty();
    wakeup.wake();
  }

  return {
    push(events) {
      if (state !== 'open') return;
      for (const event of events) {
        // Of consecutive heartbeats only the newest matters.
        if (event.type === 'heartbeat' && waiting.at(-1)?.type === 'heartbeat') waiting.pop();
        waiting.push(event);
        waitingBytes += bytesOf(event);
      }
      if (waiting.length > limit || waitingBytes > mostBytes) leave('overrun');
      else wakeup.wake();
    },
    async take() {
      if (state === 'open' && waiting.length === 0) await wakeup.wait();
      if (state === 'overrun') {
        throw unavailable('SUBSCRIBER_TOO_SLOW', 'Too many changes wait; resume from the last cursor.', 100);
      }
      const taken = waiting;
      empty();
      return taken;
    },
    end: () => leave('ended'),
  };
}

/** Besides the texts of a change. */
const leastBytes = 500;

/** Approximate size in memory; that of heartbeats, of which at most one waits between two changes, does not matter. */
function bytesOf(event: WatchEvent): number {
  if (event.type !== 'change') return 0;
  const { destination, title, tags } = event.change.record;
  return leastBytes + destination.length + 2 * tags.reduce((sum, tag) => sum + tag.length, title.length);
}
