import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '#runtime/telemetry/log.ts';
import { type ChangeCursor, readCursor } from './change-cursor.ts';
import type { ChangeLog, ChangeReader, Continuation } from './change-log.ts';
import { createSubscription, type Subscription, type WatchEvent } from './subscription.ts';

/**
 * Tells watchers of every committed change. One loop per process looks at the primary, when it is woken and at least
 * every pollMs, and hands what it sees to all watchers; a watcher that comes with a cursor is first told what it missed.
 */
export interface ChangeFeed {
  /** Batches of events until the signal is aborted or the feed stops; rejects when the watcher is too slow. */
  subscribe(cursor: string, signal: AbortSignal): AsyncGenerator<readonly WatchEvent[]>;
  /** Changes were committed by this process: look now, and tell the other processes. */
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
  /** The database is another one, or went back in time. */
  readonly onReplaced?: () => void;
}

const pageSize = 1_000;
/** A watcher that missed more is told to begin anew, which is less work for both. */
const mostPages = 200;
const longestPauseMs = 1_000;
/**
 * A new watcher has these without waiting for their time: the first may be of a reading that was under way already; the
 * second, which was not, tells it how the clocks differ (runtime/watch/watch-age.ts), the better the sooner it comes.
 */
const heartbeatsAtOnce = 2;
/** The first commit after a rest waits so long for others that come with it. */
const gatherMs = 2;
/** So often, at most, is looked and announced while there are many commits: what comes between goes together. */
const shortestPeriodMs = 10;

export function createChangeFeed(settings: FeedSettings): ChangeFeed {
  const { changeLog, log, pollMs = 50, heartbeatMs = 100, queueLimit = 20_000, onReplaced = () => {} } = settings;
  const subscriptions = new Set<Subscription>();
  const stopping = new AbortController();
  const alarm = createAlarm();
  const announce = createAnnouncer(changeLog, log);
  let place: ChangeCursor | undefined;
  let heartbeatsOwed = 0;

  const tell = (events: readonly WatchEvent[]): void => {
    if (events.length > 0) for (const subscription of subscriptions) subscription.push(events);
  };
  const tellPages = async (from: ChangeCursor, fromSeq: bigint): Promise<void> => {
    for await (const events of pages(changeLog, from, fromSeq)) tell(events);
  };

  /** Where a new connection carries on: what the last one had not seen is told again rather than never. */
  async function resume(reader: ChangeReader): Promise<ChangeCursor> {
    const now = await reader.now();
    if (!place) return now;
    const continuation = await changeLog.continuation(place);
    if (continuation.outcome === 'continue') await tellPages(place, continuation.fromSeq);
    if (continuation.outcome === 'cannot_continue') {
      onReplaced();
      tell([{ type: 'resynchronise', reason: continuation.reason }]);
    }
    return now;
  }

  async function look(reader: ChangeReader): Promise<void> {
    let lastHeartbeat = Number.NEGATIVE_INFINITY;
    while (!stopping.signal.aborted) {
      const since = place as ChangeCursor;
      const lookedAt = performance.now();
      const reading = await reader.read(since);
      tell(reading.changes.map((change) => ({ type: 'change', change })));
      const last = reading.changes.at(-1);
      if (reading.more && last) await tellPages(since, last.seq + 1n);
      place = reading.cursor;
      if (heartbeatsOwed > 0 || performance.now() - lastHeartbeat >= heartbeatMs - pollMs / 2) {
        heartbeatsOwed = Math.max(0, heartbeatsOwed - 1);
        lastHeartbeat = performance.now();
        const { cursor, spaces, cachedUntilMs } = reading;
        tell([{ type: 'heartbeat', cursor, spaces, cachedUntilMs }]);
      }
      await alarm.wait(reading.more || heartbeatsOwed > 0 ? 0 : pollMs, lookedAt + shortestPeriodMs);
    }
  }

  async function run(): Promise<void> {
    for (let pauseMs = 20; !stopping.signal.aborted; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      let reader: ChangeReader | undefined;
      try {
        reader = await changeLog.open(alarm.ring);
        place = await resume(reader);
        pauseMs = 20;
        await look(reader);
      } catch (error) {
        log.warn({ err: error }, 'the primary cannot be watched');
      } finally {
        reader?.close();
      }
      await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
  }

  const running = run();

  async function* subscribe(cursor: string, signal: AbortSignal): AsyncGenerator<readonly WatchEvent[]> {
    const subscription = createSubscription(queueLimit);
    const end = (): void => subscription.end();
    signal.addEventListener('abort', end, { once: true });
    // From here on the loop's events wait in the subscription, so that none falls between them and what was missed.
    subscriptions.add(subscription);
    heartbeatsOwed = heartbeatsAtOnce;
    alarm.ring();
    try {
      if (signal.aborted || stopping.signal.aborted) return;
      const upTo = place;
      if (cursor !== '') {
        yield* missed(changeLog, cursor);
        // Else a watcher whose queue overruns meanwhile would begin at the same cursor again, with more to be told each time.
        if (upTo && upTo.readAtMs > (readCursor(cursor)?.readAtMs ?? 0)) yield [{ type: 'caught_up', cursor: upTo }];
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
      alarm.ring();
      announce();
    },
    get subscribers() {
      return subscriptions.size;
    },
    async stop() {
      stopping.abort();
      alarm.ring();
      for (const subscription of subscriptions) subscription.end();
      await running;
    },
  };
}

async function* missed(changeLog: ChangeLog, text: string): AsyncGenerator<readonly WatchEvent[]> {
  const cursor = readCursor(text);
  const continuation: Continuation = cursor
    ? await changeLog.continuation(cursor)
    : { outcome: 'cannot_continue', reason: 'The cursor cannot be read.' };
  if (continuation.outcome === 'cannot_continue') {
    yield [{ type: 'resynchronise', reason: continuation.reason }];
  } else if (continuation.outcome === 'continue' && cursor) {
    yield* pages(changeLog, cursor, continuation.fromSeq);
  }
}

async function* pages(
  changeLog: ChangeLog,
  cursor: ChangeCursor,
  fromSeq: bigint,
): AsyncGenerator<readonly WatchEvent[]> {
  let after = fromSeq - 1n;
  for (let page = 0; page < mostPages; page++) {
    const changes = await changeLog.page(cursor, after, pageSize);
    if (changes.length > 0) yield changes.map((change) => ({ type: 'change', change }));
    const last = changes.at(-1);
    if (!last || changes.length < pageSize) return;
    after = last.seq;
  }
  yield [{ type: 'resynchronise', reason: 'More changes were missed than are told again.' }];
}

/** Something to wait for that can be rung, before or during the wait. */
function createAlarm() {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring(): void {
      rung = true;
      wake?.();
    },
    /** `notBefore`: by performance.now(), when it was rung. */
    async wait(mostMs: number, notBefore: number): Promise<void> {
      if (!rung && mostMs > 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, mostMs);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        wake = undefined;
      }
      if (rung) await sleep(Math.max(gatherMs, notBefore - performance.now()));
      rung = false;
    },
  };
}

/** Announces commits to the other processes, one announcement at a time with a rest after it, and at most one to follow. */
function createAnnouncer(changeLog: ChangeLog, log: Log): () => void {
  let isBusy = false;
  let isOwing = false;
  async function send(): Promise<void> {
    isBusy = true;
    do {
      isOwing = false;
      // The others look by themselves a little later.
      await changeLog.announce().catch((error: unknown) => log.debug({ err: error }, 'a commit was not announced'));
      await sleep(shortestPeriodMs, undefined, { ref: false });
    } while (isOwing);
    isBusy = false;
  }
  return () => {
    if (isBusy) isOwing = true;
    else void send();
  };
}
