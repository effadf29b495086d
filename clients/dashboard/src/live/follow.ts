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
const longestWaitMs = 30_000;
/** A stream that ended normally is reopened, but not in a tight loop. */
const pauseMs = 250;

/** Keeps a stream open until it is stopped: reopens it after a break, with growing pauses of up to half a minute. */
export function follow<Event>(options: FollowOptions<Event>): () => void {
  const { silenceMs = 25_000, random = Math.random } = options;
  const stopping = new AbortController();
  let failures = 0;

  async function once(): Promise<void> {
    const attempt = new AbortController();
    const stop = (): void => attempt.abort();
    stopping.signal.addEventListener('abort', stop, { once: true });
    let timer = setTimeout(stop, silenceMs);
    let isLive = false;
    try {
      options.onStatus('connecting');
      for await (const event of options.open(attempt.signal)) {
        if (stopping.signal.aborted) return;
        clearTimeout(timer);
        timer = setTimeout(stop, silenceMs);
        if (!isLive) options.onStatus('live');
        isLive = true;
        failures = 0;
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
      let wait = pauseMs;
      try {
        await once();
      } catch (error) {
        if (stopping.signal.aborted) return;
        if (!options.isPassing(error)) return options.onStatus('ended', error);
        const step = Math.min(longestWaitMs, firstWaitMs * 2 ** failures++);
        wait = options.retryAfter?.(error) ?? step * (0.5 + random() / 2);
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
