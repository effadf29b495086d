/** Something that many wait for, each time it happens. */
export interface Changed {
  fire(): void;
  /** The next time, or when the signal aborts. */
  next(signal: AbortSignal): Promise<void>;
}

export function createChanged(): Changed {
  const waiting = new Set<() => void>();
  return {
    fire() {
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
