import { problemOf } from '../../api/problem.ts';

/** How many calls run at once. */
const atOnce = 6;
/** The most tries of one call: a rate limit is waited out, but not forever. */
const mostTries = 5;

interface EachOptions {
  /** Called after each, with the number done. */
  readonly onDone?: (done: number) => void;
  readonly wait?: (ms: number) => Promise<void>;
}

/** Makes a call for each, several at once; if the mesh asks one to wait, all wait. Returns the failed ones, each with its error. */
export async function eachOf<Item>(
  items: readonly Item[],
  call: (item: Item) => Promise<unknown>,
  { onDone, wait = sleep }: EachOptions = {},
): Promise<ReadonlyMap<Item, unknown>> {
  const failures = new Map<Item, unknown>();
  const waiting = items.values();
  let pause: Promise<void> | undefined;
  let done = 0;

  const outcomeOf = async (item: Item): Promise<{ readonly error?: unknown }> => {
    for (let tries = 1; ; tries++) {
      await pause;
      try {
        await call(item);
        return {};
      } catch (error) {
        const { retryAfterMs } = problemOf(error);
        if (retryAfterMs === undefined || tries === mostTries) return { error };
        pause ??= wait(retryAfterMs).then(() => {
          pause = undefined;
        });
      }
    }
  };
  const worker = async (): Promise<void> => {
    for (const item of waiting) {
      const outcome = await outcomeOf(item);
      if ('error' in outcome) failures.set(item, outcome.error);
      done += 1;
      onDone?.(done);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  return failures;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
