import type { Log } from '#runtime/telemetry/log.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { pause } from '#runtime/time/pause.ts';
import type { Click } from './click.ts';
import { ClickRows } from './packing/click-rows.ts';
import { type ClickLine, parseLine } from './parse.ts';
import type { Cursor } from './spool/cursor.ts';
import { createCursorSaver } from './spool/cursor-saver.ts';
import type { Chunk, Segment } from './spool/segment.ts';
import type { Spool } from './spool/spool.ts';

interface ForwardOptions {
  readonly spool: Spool;
  readonly cursor: Cursor;
  readonly enrich: (line: ClickLine) => Click;
  /** Called with each line that followed a link, as soon as it is read. */
  readonly tap: (line: ClickLine) => void;
  /** Resolves when the clicks are acknowledged; rejects only when the signal is aborted. */
  readonly publish: (clicks: ClickRows, signal: AbortSignal) => Promise<void>;
  readonly log: Log;
  /** How long the first click of a batch waits for more. */
  readonly lingerMs: number;
  /** A batch is sent at once when it has this many clicks. */
  readonly maxClicks: number;
  /** How often the spool is polled once it has been read to its end. */
  readonly pollMs: number;
}

export interface Forwarder {
  /** Forwards until the signal is aborted; what is not acknowledged by then is sent again after the next start. */
  run(signal: AbortSignal): Promise<void>;
  /**
   * For how many milliseconds the oldest click has waited that is read but not acknowledged; 0: there is none. While the spool cannot be
   * read, clicks may be waiting since the first attempt that failed.
   */
  waitedMs(): number;
}

interface Batch {
  readonly clicks: ClickRows;
  /** Up to which offset each segment is acknowledged with this batch. */
  readonly ends: Map<Segment, number>;
}

const lines = counter(metric.clickLines);
const faultPauseMs = 1_000;
/** After this long without a line the spool is polled less often: each poll wakes several threads. */
const idle = { afterMs: 1_000, pollMs: 200 } as const;

/** Spool to Kafka: one batch is read while the previous one is being sent. */
export function createForwarder(options: ForwardOptions): Forwarder {
  const { spool, cursor, publish, log, pollMs } = options;
  const saver = createCursorSaver(cursor, log);
  const pace = createPace(pollMs);
  let sending: Batch | undefined;
  let reading: Batch | undefined;

  const deliver = async (batch: Batch, signal: AbortSignal): Promise<void> => {
    sending = batch;
    if (batch.clicks.length > 0) await publish(batch.clicks, signal);
    lines.add(batch.clicks.length, { outcome: 'sent' });
    sending = undefined;
    // A cursor that lags behind means that clicks are sent twice, never that one is lost.
    await spool
      .acknowledge(batch.ends)
      .then(saver.moved)
      .catch((error: unknown) => log.error({ err: error }, 'what was sent of the spool could not be noted'));
  };

  async function forward(signal: AbortSignal): Promise<void> {
    let inFlight = Promise.resolve();
    while (!signal.aborted) {
      const batch = { clicks: new ClickRows(), ends: new Map() };
      reading = batch;
      await collect(options, pace, batch, signal);
      await inFlight;
      if (signal.aborted) return;
      inFlight = deliver(batch, signal).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
    await inFlight;
  }

  return {
    run: (signal) => forward(signal).finally(saver.close),
    waitedMs() {
      const oldestUs = sending?.clicks.atUs[0] ?? reading?.clicks.atUs[0];
      return Math.max(spool.unreadForMs(), oldestUs === undefined ? 0 : Date.now() - oldestUs / 1_000);
    },
  };
}

/** How long to wait for more. */
interface Pace {
  /** Something was read. */
  read(now: number): void;
  restMs(now: number): number;
}

function createPace(pollMs: number): Pace {
  let readAt = Number.NEGATIVE_INFINITY;
  return {
    read(now) {
      readAt = now;
    },
    restMs: (now) => (now - readAt < idle.afterMs ? pollMs : Math.max(pollMs, idle.pollMs)),
  };
}

async function collect(options: ForwardOptions, pace: Pace, batch: Batch, signal: AbortSignal): Promise<void> {
  const { spool, log, lingerMs, maxClicks } = options;
  let dueAt = Number.POSITIVE_INFINITY;
  while (!signal.aborted) {
    try {
      const chunk = await spool.next();
      const now = performance.now();
      if (chunk) {
        read(chunk, options, batch);
        pace.read(now);
        dueAt = Math.min(dueAt, now + lingerMs);
      }
      if (batch.clicks.length >= maxClicks || now >= dueAt) return;
      if (!chunk) await pause(Math.ceil(Math.min(pace.restMs(now), dueAt - now)), signal);
    } catch (error) {
      log.error({ err: error }, 'the spool cannot be read');
      if (batch.ends.size > 0) return;
      await pause(faultPauseMs, signal);
    }
  }
}

function read(chunk: Chunk, { enrich, tap }: Pick<ForwardOptions, 'enrich' | 'tap'>, batch: Batch): void {
  let malformed = chunk.unreadable;
  let others = 0;
  for (const text of chunk.lines) {
    const line = parseLine(text);
    if (line === 'malformed') malformed++;
    else if (line === 'not_a_click') others++;
    else {
      tap(line);
      batch.clicks.add(enrich(line));
    }
  }
  batch.ends.set(chunk.segment, chunk.end);
  if (malformed > 0) lines.add(malformed, { outcome: 'malformed' });
  if (others > 0) lines.add(others, { outcome: 'not_a_click' });
}
