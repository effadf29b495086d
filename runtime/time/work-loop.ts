import { createWakeup } from './wakeup.ts';

/** Work that is done when somebody asks for it, and every so often in case that was forgotten: by a process that died, say. */
export interface WorkLoop {
  /** There is something to do now. During a run: another one follows it. */
  wake(): void;
  /** Resolves when the run that is under way has ended. */
  stop(): Promise<void>;
}

interface WorkLoopOptions {
  readonly work: (signal: AbortSignal) => Promise<void>;
  /** Told what made a run reject; the next one is its second try. */
  readonly onFault: (error: unknown) => void;
  readonly everyMs: number;
}

/** Begins with a run, and never has two at a time. */
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

/** Does the step for each, one after another. One that fails keeps none after it; rejects with the first fault, once all were tried. */
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
