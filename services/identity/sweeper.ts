import type { Log } from '#runtime/telemetry/log.ts';
import type { IdentityStore } from './store.ts';

export interface Sweeper {
  stop(): Promise<void>;
}

interface SweeperOptions {
  readonly store: Pick<IdentityStore, 'sweep'>;
  readonly graceMs: number;
  readonly intervalMs: number;
  readonly log: Log;
}

const rowsAtOnce = 1_000;
const roundsAtOnce = 20;
/** More than the clocks of two processes differ: while one still returns the same successor, another must not delete its nonce. */
const slackMs = 60_000;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Deletes what is over, in small steps: a table that only grows makes every look-up slower. */
export function startSweeper({ store, graceMs, intervalMs, log }: SweeperOptions): Sweeper {
  let isStopped = false;
  let running: Promise<void> | undefined;

  const sweep = async (): Promise<void> => {
    try {
      for (let round = 0; round < roundsAtOnce && !isStopped; round++) {
        if ((await store.sweep(timesAt(Date.now(), graceMs), rowsAtOnce)) < rowsAtOnce) return;
      }
    } catch (error) {
      log.warn({ err: error }, 'what is over could not be swept');
    }
  };
  const timer = setInterval(() => {
    running ??= sweep().finally(() => {
      running = undefined;
    });
  }, intervalMs).unref();

  return {
    async stop() {
      isStopped = true;
      clearInterval(timer);
      await running;
    },
  };
}

function timesAt(now: number, graceMs: number): Parameters<IdentityStore['sweep']>[0] {
  const ago = (milliseconds: number): Date => new Date(now - milliseconds);
  return {
    sessionsBefore: ago(0),
    tokensBefore: ago(0),
    noncesBefore: ago(graceMs + slackMs),
    revocationsBefore: ago(dayMs),
    loginFailuresBefore: ago(hourMs),
    revokedKeysBefore: ago(30 * dayMs),
    invitationsBefore: ago(0),
  };
}
