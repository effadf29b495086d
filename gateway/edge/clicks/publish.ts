import type { Log } from '#runtime/telemetry/log.ts';
import { pause } from '#runtime/time/pause.ts';

interface Backoff {
  readonly firstMs: number;
  readonly lastMs: number;
}

/**
 * Retries until the clicks are acknowledged, or throws when the signal is aborted: the spool is the buffer, so there is nothing better to
 * do than to try again. Clicks whose acknowledgement was lost are sent twice; the key of a click makes it count once.
 */
export function createPublisher<Clicks>(
  send: (clicks: Clicks) => Promise<void>,
  { log, backoff = { firstMs: 100, lastMs: 5_000 } }: { log: Log; backoff?: Backoff },
): (clicks: Clicks, signal: AbortSignal) => Promise<void> {
  return async (clicks, signal) => {
    for (let failures = 0; ; failures++) {
      signal.throwIfAborted();
      try {
        await send(clicks);
        if (failures > 0) log.info({ failures }, 'Kafka takes clicks again');
        return;
      } catch (error) {
        if (failures === 0) log.warn({ err: error }, 'Kafka did not take the clicks; they wait in the spool');
        await pause(Math.min(backoff.lastMs, backoff.firstMs * 2 ** Math.min(failures, 16)), signal);
      }
    }
  };
}
