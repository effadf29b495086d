import type { World } from './policy.ts';

/** A longer timeout would fire at once. */
const longestTimeoutMs = 2 ** 31 - 1;

/** The real clock, time and randomness. */
export const world: World = {
  now: () => Date.now(),
  random: () => Math.random(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(
        () => {
          signal?.removeEventListener('abort', stop);
          resolve();
        },
        Math.min(ms, longestTimeoutMs),
      );
      signal?.addEventListener('abort', stop, { once: true });
      if (signal?.aborted) stop();
    }),
};
