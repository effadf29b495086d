import { canceled, type HopError, unavailable } from '#runtime/errors/errors.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';

export interface HashingQueueOptions {
  /** How many hashes are computed at once; each takes 19 MiB and a thread. */
  readonly concurrency: number;
  /** How many may wait; the next is refused. */
  readonly limit: number;
  /** What the next is refused with (default: UNAVAILABLE, counted as shed); `retryMs`: how long the queue takes by its recent pace. */
  readonly refusal?: (retryMs: number) => HopError;
}

export interface HashingQueue {
  /** Runs the job in its turn. Throws the refusal when the queue is full. */
  run<Value>(job: () => Promise<Value>, signal?: AbortSignal): Promise<Value>;
  /** How many are waiting. */
  readonly waiting: number;
}

const passwordsShed = counter(metric.passwordsShed);
const firstGuessMs = 20;
const shortestRetryMs = 1_000;

/** Hashing is deliberately slow; without a limit, a burst of log-ins would take all memory and starve everything else. */
export function createHashingQueue({ concurrency, limit, refusal = shed }: HashingQueueOptions): HashingQueue {
  const waiting = new Set<() => void>();
  let running = 0;
  let meanMs = firstGuessMs;

  const release = (startedAt: number): void => {
    running -= 1;
    meanMs += (performance.now() - startedAt - meanMs) / 16;
    const [next] = waiting;
    if (next) {
      waiting.delete(next);
      next();
    }
  };

  const turn = (signal: AbortSignal | undefined): Promise<void> => {
    if (running < concurrency) {
      running += 1;
      return Promise.resolve();
    }
    if (waiting.size >= limit) {
      throw refusal(Math.max(shortestRetryMs, (meanMs * waiting.size) / concurrency));
    }
    return new Promise((resolve, reject) => {
      const abandon = (): void => {
        waiting.delete(start);
        reject(canceled());
      };
      const start = (): void => {
        signal?.removeEventListener('abort', abandon);
        running += 1;
        resolve();
      };
      waiting.add(start);
      signal?.addEventListener('abort', abandon, { once: true });
    });
  };

  return {
    async run(job, signal) {
      if (signal?.aborted) throw canceled();
      await turn(signal);
      const startedAt = performance.now();
      try {
        return await job();
      } finally {
        release(startedAt);
      }
    },
    get waiting() {
      return waiting.size;
    },
  };
}

function shed(retryMs: number): HopError {
  passwordsShed.add(1);
  return unavailable('OVERLOADED', 'Too many passwords are waiting to be checked; try again.', retryMs);
}
