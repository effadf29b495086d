/** The state of a long-lived stream. `waiting`: it broke and will be reopened shortly. */
export type StreamStatus = 'connecting' | 'live' | 'waiting' | 'paused' | 'ended';

interface StreamHandlers<Event> {
  onEvent(event: Event): void;
  /** For `ended`, the reason: reopening it would not help. */
  onStatus(status: StreamStatus, error?: unknown): void;
}

interface FollowOptions<Event> extends StreamHandlers<Event> {
  open(signal: AbortSignal): AsyncIterable<Event>;
  /** Whether reopening it may help. */
  isPassing(error: unknown): boolean;
  /** How long the stream asked to wait, in milliseconds, if it did. */
  retryAfter?(error: unknown): number | undefined;
  /** After this long without an event it counts as dead. */
  readonly silenceMs?: number;
  random?(): number;
}

const firstWaitMs = 500;
/** A stream that ended normally is reopened sooner. */
const firstPauseMs = 250;
const longestWaitMs = 30_000;
/** More is not granted to a stream that asks to wait. */
const longestAskedMs = 3_600_000;

/** Keeps a stream open until it is stopped: reopens it when it ends or breaks, with pauses of up to half a minute that grow until one lasts. */
export function follow<Event>(options: FollowOptions<Event>): () => void {
  const { silenceMs = 25_000, random = Math.random } = options;
  const stopping = new AbortController();
  /** How many streams in a row did not last: what opens and soon ends again must not be opened in a tight loop. */
  let brief = 0;
  const pauseMs = (firstMs: number): number =>
    (0.5 + random() / 2) * Math.min(longestWaitMs, firstMs * 2 ** (brief - 1));

  async function once(): Promise<void> {
    const attempt = new AbortController();
    const stop = (): void => attempt.abort();
    stopping.signal.addEventListener('abort', stop, { once: true });
    let timer = setTimeout(stop, silenceMs);
    const openedAt = Date.now();
    let isLive = false;
    brief += 1;
    try {
      options.onStatus('connecting');
      for await (const event of options.open(attempt.signal)) {
        if (stopping.signal.aborted) return;
        clearTimeout(timer);
        timer = setTimeout(stop, silenceMs);
        if (!isLive) options.onStatus('live');
        isLive = true;
        if (Date.now() - openedAt >= silenceMs) brief = 1;
        options.onEvent(event);
      }
    } finally {
      clearTimeout(timer);
      stopping.signal.removeEventListener('abort', stop);
      attempt.abort();
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      let wait: number;
      try {
        await once();
        wait = pauseMs(firstPauseMs);
      } catch (error) {
        if (stopping.signal.aborted) return;
        if (!options.isPassing(error)) return options.onStatus('ended', error);
        const asked = options.retryAfter?.(error) ?? 0;
        wait = Math.max(0, Math.min(longestAskedMs, asked)) + pauseMs(firstWaitMs);
        options.onStatus('waiting', error);
      }
      await pause(wait, stopping.signal);
    }
  }

  void run();
  return () => stopping.abort();
}

/** Ends early when the connection is back. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      globalThis.removeEventListener?.('online', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    globalThis.addEventListener?.('online', done);
  });
}
