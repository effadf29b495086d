interface AtIntervals {
  /** Schedules the work, or another run if one is in progress. */
  call(): void;
  stop(): void;
}

/**
 * Runs work once for all calls within a pause, and never restarts it while it is running: work that takes longer than the pause, and is
 * requested continually, would never finish.
 */
export function atIntervals(pauseMs: number, work: () => Promise<unknown>): AtIntervals {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isWorking = false;
  let isWanted = false;

  const wait = (): void => {
    timer ??= setTimeout(() => void run(), pauseMs);
  };
  const run = async (): Promise<void> => {
    timer = undefined;
    isWanted = false;
    isWorking = true;
    try {
      await work();
    } finally {
      isWorking = false;
    }
    if (isWanted) wait();
  };
  return {
    call() {
      if (isWorking) isWanted = true;
      else wait();
    },
    stop() {
      clearTimeout(timer);
      isWanted = false;
    },
  };
}
