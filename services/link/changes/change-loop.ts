import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '#runtime/telemetry/log.ts';
import { createAlarm } from './alarm.ts';
import { shortestPeriodMs } from './announcer.ts';
import type { ChangeCursor } from './change-cursor.ts';
import type { ChangeLog, ChangeReader } from './change-log.ts';
import { changePages } from './missed-changes.ts';
import type { WatchEvent } from './subscription.ts';

export interface ChangeLoopOptions {
  readonly changeLog: ChangeLog;
  readonly tell: (events: readonly WatchEvent[]) => void;
  /** Called when the database is another one, or went back in time. */
  readonly onReplaced: () => void;
  readonly pollMs: number;
  readonly heartbeatMs: number;
  readonly log: Log;
}

/** Reads the primary, when it is woken and at least every pollMs, and passes on what it finds; reconnects for as long as it runs. */
export interface ChangeLoop {
  /** The place up to which all visible changes have been passed on. Waits until the primary was reached; undefined: aborted or stopped before. */
  reached(signal: AbortSignal): Promise<ChangeCursor | undefined>;
  wake(): void;
  /** A watcher has connected: heartbeats are sent at once. */
  greet(): void;
  stop(): Promise<void>;
}

const firstPauseMs = 20;
const longestPauseMs = 1_000;
/**
 * A new watcher gets these at once. The first may be of a reading that was already under way. The second is not: it tells how the clocks
 * differ (runtime/watch/watch-age.ts), and the sooner it comes the better.
 */
const heartbeatsAtOnce = 2;

export function startChangeLoop(options: ChangeLoopOptions): ChangeLoop {
  const { changeLog, tell, onReplaced, pollMs, heartbeatMs, log } = options;
  const stopping = new AbortController();
  const alarm = createAlarm();
  const started = Promise.withResolvers<void>();
  let place: ChangeCursor | undefined;
  let heartbeatsOwed = 0;

  const tellPages = async (from: ChangeCursor, fromSeq: bigint): Promise<void> => {
    for await (const events of changePages(changeLog, from, fromSeq)) tell(events);
  };

  /** Where a new connection continues: changes that the last one may not have seen are sent again rather than never. */
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
    for (let pauseMs = firstPauseMs; !stopping.signal.aborted; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      let reader: ChangeReader | undefined;
      try {
        reader = await changeLog.open(alarm.ring);
        place = await resume(reader);
        started.resolve();
        pauseMs = firstPauseMs;
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

  return {
    async reached(signal) {
      if (!place) await Promise.race([started.promise, aborted(signal)]);
      return signal.aborted || stopping.signal.aborted ? undefined : place;
    },
    wake: alarm.ring,
    greet() {
      heartbeatsOwed = heartbeatsAtOnce;
      alarm.ring();
    },
    async stop() {
      stopping.abort();
      // Whoever waits for the start checks whether this has stopped.
      started.resolve();
      alarm.ring();
      await running;
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
