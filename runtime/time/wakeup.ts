/** Lets one wait for what others have for it. */
export interface Wakeup {
  /** Ends the wait that is under way. It is not remembered: who waits has looked before whether there is something already. */
  wake(): void;
  /** Resolves when it is woken, or after this time. */
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
