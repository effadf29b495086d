import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';

/**
 * Keeps so many connections of a pool open, from now on and after they were lost. A process that has just started must not
 * begin by opening them all at once, nor a tier that is asked only when the one before it dies. Answers the end of it, to be
 * called before the pool is ended.
 */
export function keepWarm(pool: Pool, count: number, everyMs = 5_000): () => Promise<void> {
  const stopping = new AbortController();
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await openAtOnce(pool, count);
      await sleep(everyMs, undefined, { signal: stopping.signal, ref: false }).catch(() => {});
    }
  };
  const running = run();
  return () => {
    stopping.abort();
    return running;
  };
}

/** Only connections that are held at the same time are different ones; under load there is nothing to be kept open. */
async function openAtOnce(pool: Pool, count: number): Promise<void> {
  const busy = pool.totalCount - pool.idleCount;
  const held = await Promise.allSettled(Array.from({ length: count - busy }, () => pool.connect()));
  for (const one of held) if (one.status === 'fulfilled') one.value.release();
}
