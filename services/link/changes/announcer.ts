import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '#runtime/telemetry/log.ts';
import type { ChangeLog } from './change-log.ts';

/** The shortest time between two readings, or two announcements, while there are many commits: those in between are combined. */
export const shortestPeriodMs = 10;

/** Announces commits to the other processes, one announcement at a time with a pause after it; at most one more is pending. */
export function createAnnouncer(changeLog: ChangeLog, log: Log): () => void {
  let isBusy = false;
  let isOwing = false;
  async function send(): Promise<void> {
    isBusy = true;
    do {
      isOwing = false;
      // The others poll anyway, a little later.
      await changeLog.announce().catch((error: unknown) => log.debug({ err: error }, 'a commit was not announced'));
      await sleep(shortestPeriodMs, undefined, { ref: false });
    } while (isOwing);
    isBusy = false;
  }
  return () => {
    if (isBusy) isOwing = true;
    else void send();
  };
}
