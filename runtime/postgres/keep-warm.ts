import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';

/**
 * Keeps this many connections of a pool open, and reopens lost ones. Neither a process that has just started, nor a tier that is used only
 * when the previous one dies, should have to open them all at once. Returns a function to stop it, to be called before the pool is ended.
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

/** Only connections held at the same time are distinct; under load nothing has to be kept open. */
async function openAtOnce(pool: Pool, count: number): Promise<void> {
  const busy = pool.totalCount - pool.idleCount;
  const held = await Promise.allSettled(Array.from({ length: count - busy }, () => pool.connect()));
  for (const one of held) if (one.status === 'fulfilled') one.value.release();
}
