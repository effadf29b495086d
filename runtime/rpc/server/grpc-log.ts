import { setLogger } from '@grpc/grpc-js';
import type { Log } from '../../telemetry/log.ts';

/** How the message begins, before it quotes what a client sent. */
const foreignHeader = 'Failed to add metadata entry';
const pauseMs = 1_000;

/**
 * Redirects what grpc-js would write to standard error into the log, at most one line a second. A request header that is not ASCII is left
 * out of the metadata and not logged: any client can send them endlessly, and they may contain anything.
 */
export function takeGrpcLog(log: Log, now: () => number = () => performance.now()): void {
  let quietUntil = Number.NEGATIVE_INFINITY;
  let unsaid = 0;
  setLogger({
    error(text: unknown) {
      if (String(text).startsWith(foreignHeader)) {
        log.debug('a request header that is not ASCII was left out');
      } else if (now() < quietUntil) {
        unsaid++;
      } else {
        log.warn({ text: String(text), unsaid }, 'grpc-js');
        quietUntil = now() + pauseMs;
        unsaid = 0;
      }
    },
  });
}
