import { setTimeout as sleep } from 'node:timers/promises';
import { HopError } from '#runtime/errors/errors.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import type { CodeSource } from './code-blocks.ts';

interface OpenOptions {
  readonly log: Log;
  /** How long Postgres is waited for; less than what is waited for a process that starts (deploy/, compose/). */
  readonly patienceMs?: number;
  readonly everyMs?: number;
}

/**
 * Opens the code space, again and again while Postgres is not there to: one who starts a whole mesh on a busy machine starts
 * this process before Postgres has time for it. Rejects when it is still away in the end, or at once for any other reason.
 */
export async function openCodes(codes: Pick<CodeSource, 'open'>, options: OpenOptions): Promise<void> {
  const { log, patienceMs = 20_000, everyMs = 500 } = options;
  const until = performance.now() + patienceMs;
  for (;;) {
    try {
      return await codes.open();
    } catch (error) {
      const isAway = error instanceof HopError && error.kind === 'unavailable';
      if (!isAway || performance.now() + everyMs > until) throw error;
      log.warn({ err: error }, 'the code space cannot be opened yet');
      await sleep(everyMs);
    }
  }
}
