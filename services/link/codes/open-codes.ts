import { setTimeout as sleep } from 'node:timers/promises';
import { HopError } from '#runtime/errors/errors.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import type { CodeSource } from './code-blocks.ts';

interface OpenOptions {
  readonly log: Log;
  /** How long to wait for Postgres; less than a starting process is waited for (deploy/, compose/). */
  readonly patienceMs?: number;
  readonly everyMs?: number;
}

/**
 * Opens the code space, with retries while Postgres is unavailable: when a whole mesh is started on a busy machine, this process may start
 * before Postgres is ready. Rejects when Postgres is still unavailable in the end, or at once for any other reason.
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
