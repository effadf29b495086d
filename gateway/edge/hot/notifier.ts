/** Something that many wait for, each time it happens. */
export interface Notifier {
  notify(): void;
  /** The next time, or when the signal aborts. */
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
