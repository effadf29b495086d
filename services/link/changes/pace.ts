import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '#runtime/telemetry/log.ts';
import { createWakeup } from '#runtime/time/wakeup.ts';
import type { ChangeLog } from './change-log.ts';

/** The first commit after a rest waits so long for others that come with it. */
const gatherMs = 2;
/** So often, at most, is looked and announced while there are many commits: what comes between goes together. */
export const shortestPeriodMs = 10;

/** Something to wait for that can be rung, before or during the wait. */
export function createAlarm() {
  let rung = false;
  const wakeup = createWakeup();
  return {
    ring(): void {
      rung = true;
      wakeup.wake();
    },
    /** `notBefore`: by performance.now(), when it was rung. */
    async wait(mostMs: number, notBefore: number): Promise<void> {
      if (!rung && mostMs > 0) await wakeup.wait(mostMs);
      if (rung) await sleep(Math.max(gatherMs, notBefore - performance.now()));
      rung = false;
    },
  };
}

/** Announces commits to the other processes, one announcement at a time with a rest after it, and at most one to follow. */
export function createAnnouncer(changeLog: ChangeLog, log: Log): () => void {
  let isBusy = false;
  let isOwing = false;
  async function send(): Promise<void> {
    isBusy = true;
    do {
      isOwing = false;
      // The others look by themselves a little later.
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
