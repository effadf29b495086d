import type { Log } from '#runtime/telemetry/log.ts';
import { createAnnouncer } from './announcer.ts';
import { isBeyond, readCursor } from './change-cursor.ts';
import type { ChangeLog } from './change-log.ts';
import { startChangeLoop } from './change-loop.ts';
import { missedChanges } from './missed-changes.ts';
import { createSubscription, type Subscription, type WatchEvent } from './subscription.ts';

/**
 * Delivers every committed change to the watchers. One loop per process reads the primary, when it is woken and at least every pollMs, and
 * passes what it finds to all watchers; a watcher with a cursor first gets what it missed.
 */
export interface ChangeFeed {
  /** Batches of events until the signal is aborted or the feed stops; rejects when the watcher is too slow. */
  subscribe(cursor: string, signal: AbortSignal): AsyncGenerator<readonly WatchEvent[]>;
  /** This process has committed changes: read them now, and notify the other processes. */
  committed(): void;
  readonly subscribers: number;
  stop(): Promise<void>;
}

export interface FeedSettings {
  readonly changeLog: ChangeLog;
  readonly log: Log;
  readonly pollMs?: number;
  readonly heartbeatMs?: number;
  /** How many events may wait for one watcher. */
  readonly queueLimit?: number;
  /** Called when the database is another one, or went back in time. */
  readonly onReplaced?: () => void;
}

export function createChangeFeed(settings: FeedSettings): ChangeFeed {
  const { changeLog, log, pollMs = 50, heartbeatMs = 100, queueLimit = 20_000, onReplaced = () => {} } = settings;
  const subscriptions = new Set<Subscription>();
  const announce = createAnnouncer(changeLog, log);
  const tell = (events: readonly WatchEvent[]): void => {
    if (events.length > 0) for (const subscription of subscriptions) subscription.push(events);
  };
  const loop = startChangeLoop({ changeLog, tell, onReplaced, pollMs, heartbeatMs, log });
  let isStopped = false;

  async function* subscribe(cursor: string, signal: AbortSignal): AsyncGenerator<readonly WatchEvent[]> {
    const subscription = createSubscription(queueLimit);
    const end = (): void => subscription.end();
    signal.addEventListener('abort', end, { once: true });
    // From here on the loop's events wait in the subscription, so that none is lost between them and what was missed.
    subscriptions.add(subscription);
    loop.greet();
    try {
      if (signal.aborted || isStopped) return;
      if (cursor !== '') {
        const upTo = await loop.reached(signal);
        if (!upTo) return;
        yield* missedChanges(changeLog, cursor);
        // Otherwise a watcher whose queue overflows meanwhile would restart from the same cursor, with more to catch up on each time.
        const from = readCursor(cursor);
        if (!from || isBeyond(upTo, from)) yield [{ type: 'caught_up', cursor: upTo }];
      }
      for (;;) {
        const events = await subscription.take();
        if (events.length === 0) return;
        yield events;
      }
    } finally {
      signal.removeEventListener('abort', end);
      subscriptions.delete(subscription);
    }
  }

  return {
    subscribe,
    committed() {
      loop.wake();
      announce();
    },
    get subscribers() {
      return subscriptions.size;
    },
    async stop() {
      isStopped = true;
      const stopped = loop.stop();
      for (const subscription of subscriptions) subscription.end();
      await stopped;
    },
  };
}
