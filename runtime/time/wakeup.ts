/** Lets one task wait until others have something for it. */
export interface Wakeup {
  /** Ends the present wait. It is not remembered: check for work before you wait. */
  wake(): void;
  /** Resolves when woken, or after this time. */
  wait(atMostMs?: number): Promise<void>;
}

export function createWakeup(): Wakeup {
  let end: (() => void) | undefined;
  return {
    wake: () => end?.(),
    async wait(atMostMs) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        end = resolve;
        if (atMostMs !== undefined) timer = setTimeout(resolve, atMostMs);
      });
      clearTimeout(timer);
      end = undefined;
    },
  };
}
