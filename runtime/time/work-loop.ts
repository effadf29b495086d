import { createWakeup } from './wakeup.ts';

/** Work that is done on request, and at intervals in case a request was lost, for example with a process that died. */
export interface WorkLoop {
  /** There is something to do now. If a run is in progress, another one follows. */
  wake(): void;
  /** Resolves when the present run has ended. */
  stop(): Promise<void>;
}

interface WorkLoopOptions {
  readonly work: (signal: AbortSignal) => Promise<void>;
  /** Called with what made a run reject; the next run is the retry. */
  readonly onFault: (error: unknown) => void;
  readonly everyMs: number;
}

/** Starts with a run, and never has two at a time. */
export function startWorkLoop({ work, onFault, everyMs }: WorkLoopOptions): WorkLoop {
  const stopping = new AbortController();
  const { signal } = stopping;
  const wakeup = createWakeup();
  let isAsked = false;

  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      isAsked = false;
      await work(signal).catch((error: unknown) => {
        if (!signal.aborted) onFault(error);
      });
      if (!isAsked && !signal.aborted) await wakeup.wait(everyMs);
    }
  };
  const running = run();

  return {
    wake() {
      isAsked = true;
      wakeup.wake();
    },
    async stop() {
      stopping.abort();
      wakeup.wake();
      await running;
    },
  };
}

/** Runs the step for each item, one after another. A failure does not stop the others; rejects with the first fault once all were tried. */
export async function workThrough<Item>(
  items: readonly Item[],
  signal: AbortSignal,
  step: (item: Item) => Promise<void>,
): Promise<void> {
  const faults: unknown[] = [];
  for (const item of items) {
    signal.throwIfAborted();
    await step(item).catch((error: unknown) => faults.push(error));
  }
  if (faults.length > 0) throw faults[0];
}
