import { setTimeout as sleep } from 'node:timers/promises';

/** Asks until `accept` says yes or `timeoutMs` is over; answers the last answer and how long it took. */
export async function eventually<T>(
  ask: () => Promise<T>,
  accept: (answer: T) => boolean,
  { timeoutMs = 10_000, everyMs = 25 } = {},
): Promise<{ answer: T; tookMs: number }> {
  const started = performance.now();
  for (;;) {
    const answer = await ask();
    const tookMs = performance.now() - started;
    if (accept(answer)) return { answer, tookMs };
    if (tookMs > timeoutMs) throw new Error(`not within ${timeoutMs} ms; last answer: ${JSON.stringify(answer)}`);
    await sleep(everyMs);
  }
}
