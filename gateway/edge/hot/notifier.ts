/** Wakes everyone who waits for the next notification. */
export interface Notifier {
  notify(): void;
  /** Resolves at the next notification, or when the signal aborts. */
  next(signal: AbortSignal): Promise<void>;
}

export function createNotifier(): Notifier {
  const waiting = new Set<() => void>();
  return {
    notify() {
      for (const go of [...waiting]) go();
    },
    next: (signal) =>
      new Promise((resolve) => {
        const go = (): void => {
          waiting.delete(go);
          signal.removeEventListener('abort', go);
          resolve();
        };
        waiting.add(go);
        signal.addEventListener('abort', go);
        if (signal.aborted) go();
      }),
  };
}
