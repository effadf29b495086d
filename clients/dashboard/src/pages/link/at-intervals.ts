interface AtIntervals {
  /** Has the work done in a moment, or once more where it is being done. */
  call(): void;
  stop(): void;
}

/**
 * Does work once for all calls of a pause, and never begins it anew while it is being done: work that takes longer than the pause, and is called for
 * all the time, would come to no end.
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
