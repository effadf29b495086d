import { setTimeout as sleep } from 'node:timers/promises';
import { createWakeup } from '#runtime/time/wakeup.ts';

/** How long the first commit after a pause waits for others to be read with it, in milliseconds. */
const gatherMs = 2;

/** An alarm to wait for, which can be set off before or during the wait. */
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
