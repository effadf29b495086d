import { Code, ConnectError } from '@connectrpc/connect';
import { type HoplineError, toHoplineError } from './errors.ts';
import type { World } from './policy.ts';

export interface LiveOptions {
  /** Ends the iterator; that is no error. */
  readonly signal?: AbortSignal | undefined;
  /** From now on everything is told. Again after each break. */
  readonly onLive?: (() => void) | undefined;
  /** The stream broke and is being taken up again. */
  readonly onBreak?: ((error: HoplineError) => void) | undefined;
  /** How long to try to take up a broken stream before giving up, in milliseconds. Default: ten minutes. */
  readonly patienceMs?: number | undefined;
}

interface LastingStream<Event, Item> {
  /** Begins a stream. */
  open(signal: AbortSignal): AsyncIterable<Event>;
  /** What an event tells; with `isFirst` it is the first of a stream. It may ask for more: what fails then is a break, too. */
  tell(event: Event, isFirst: boolean): AsyncIterable<Item> | Iterable<Item>;
}

/** A heartbeat comes at least every ten seconds: a connection that is silent for so long is dead. */
const silenceMs = 25_000;
const firstPauseMs = 200;
const longestPauseMs = 10_000;

/**
 * What stream after stream tells. The installation ends one after ten minutes, and networks break: then the next is begun.
 * Throws what another try cannot mend, and the last break once patience is at an end.
 */
export async function* lastingStream<Event, Item>(
  { open, tell }: LastingStream<Event, Item>,
  { now, random, sleep }: World,
  { signal, onLive, onBreak, patienceMs = 600_000 }: LiveOptions,
): AsyncGenerator<Item, void, undefined> {
  const pauseOf = (failed: number) => (0.5 + random() / 2) * Math.min(longestPauseMs, firstPauseMs * 2 ** failed);
  let failures = 0;
  let failedAtMs = 0;
  while (!signal?.aborted) {
    let isLive = false;
    try {
      for await (const event of untilSilent(open, signal)) {
        const isFirst = !isLive;
        isLive = true;
        if (isFirst) onLive?.();
        yield* tell(event, isFirst);
        failures = 0;
      }
      // Not at once: one that ends as soon as it has begun must not be begun in a circle.
      if (isLive) await sleep(pauseOf(0), signal).catch(() => {});
      else throw new ConnectError('The stream ended before it began.', Code.Unavailable);
    } catch (thrown) {
      if (signal?.aborted) return;
      const error = toHoplineError(thrown);
      if (failures === 0) failedAtMs = now();
      failures += 1;
      if (!mayMend(error, failures) || now() - failedAtMs > patienceMs) throw error;
      if (isLive) onBreak?.(error);
      await sleep(Math.max(pauseOf(failures), error.retryAfterMs ?? 0), signal).catch(() => {});
    }
  }
}

/** One stream, from its beginning until it ends, breaks or falls silent. */
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

/** A refused token may have been a token at its end: the next try has a new one. */
function mayMend({ code }: HoplineError, failures: number): boolean {
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
