import { Code, ConnectError } from '@connectrpc/connect';
import { type HoplineError, toHoplineError } from './errors.ts';
import type { World } from './policy.ts';

export interface LiveOptions {
  /** Ends the iterator without an error. */
  readonly signal?: AbortSignal | undefined;
  /** Called when everything from now on is delivered. Again after each break. */
  readonly onLive?: (() => void) | undefined;
  /** Called when the stream broke, or could not be opened, and is being resumed. */
  readonly onBreak?: ((error: HoplineError) => void) | undefined;
  /** How long to try to resume a broken stream before giving up, in milliseconds. Default: ten minutes. */
  readonly patienceMs?: number | undefined;
}

interface LastingStream<Event, Item> {
  /** Opens a stream. */
  open(signal: AbortSignal): AsyncIterable<Event>;
  /** The items of an event; with `isFirst` it is the first of a stream. It may make further calls, whose failure also counts as a break. */
  tell(event: Event, isFirst: boolean): AsyncIterable<Item> | Iterable<Item>;
}

/** A heartbeat comes at least every ten seconds: a connection that is silent for this long is dead. */
const silenceMs = 25_000;
const firstPauseMs = 200;
const longestPauseMs = 10_000;

/**
 * The items of one stream after another. The installation ends a stream after ten minutes, and networks break: then the next is opened.
 * Throws errors that a retry cannot fix, and the last break once patience has run out.
 */
export async function* lastingStream<Event, Item>(
  { open, tell }: LastingStream<Event, Item>,
  { now, random, sleep }: World,
  { signal, onLive, onBreak, patienceMs = 600_000 }: LiveOptions,
): AsyncGenerator<Item, void, undefined> {
  let failures = 0;
  let failedAtMs = 0;
  /** How many streams in a row did not last: what opens and soon ends again must not be opened in a tight loop. */
  let brief = 0;
  const pauseMs = () => (0.5 + random() / 2) * Math.min(longestPauseMs, firstPauseMs * 2 ** brief);
  while (!signal?.aborted) {
    const openedAtMs = now();
    let isLive = false;
    brief += 1;
    try {
      for await (const event of untilSilent(open, signal)) {
        const isFirst = !isLive;
        isLive = true;
        if (isFirst) onLive?.();
        yield* tell(event, isFirst);
        failures = 0;
        if (now() - openedAtMs >= silenceMs) brief = 0;
      }
      if (isLive) await sleep(pauseMs(), signal).catch(() => {});
      else throw new ConnectError('The stream ended before it began.', Code.Unavailable);
    } catch (thrown) {
      if (signal?.aborted) return;
      const error = toHoplineError(thrown);
      if (failures === 0) failedAtMs = now();
      failures += 1;
      const waitMs = Math.max(0, error.retryAfterMs ?? 0) + pauseMs();
      if (!mayMend(error, failures) || now() + waitMs - failedAtMs > patienceMs) throw error;
      if (failures === 1) onBreak?.(error);
      await sleep(waitMs, signal).catch(() => {});
    }
  }
}

/** One stream, until it ends, breaks or falls silent. */
async function* untilSilent<Event>(
  open: (signal: AbortSignal) => AsyncIterable<Event>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Event, void, undefined> {
  const connection = new AbortController();
  const stop = () => connection.abort();
  signal?.addEventListener('abort', stop);
  let silent = false;
  const wait = () =>
    setTimeout(() => {
      silent = true;
      stop();
    }, silenceMs);
  let timer = wait();
  try {
    for await (const event of open(connection.signal)) {
      clearTimeout(timer);
      yield event;
      timer = wait();
    }
  } catch (thrown) {
    throw silent ? new ConnectError('The stream fell silent.', Code.Unavailable) : thrown;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    stop();
  }
}

/** A refused token may just have expired: the next try has a new one. */
function mayMend({ code, reason }: HoplineError, failures: number): boolean {
  if (reason === 'SESSION_CHANGED') return false;
  if (code === Code.Unauthenticated) return failures === 1;
  return mending.has(code);
}

const mending: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.ResourceExhausted,
  Code.DeadlineExceeded,
  Code.Canceled,
  Code.Aborted,
  Code.Internal,
  Code.Unknown,
]);
