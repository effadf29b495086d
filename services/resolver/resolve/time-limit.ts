/** Settles after this many milliseconds; cancel releases it. */
export type Timer = (ms: number) => { readonly done: Promise<void>; cancel(): void };

/** The result, or the value of `late` if the result takes longer than this many milliseconds. */
export type Within = <Result>(ms: number, result: Promise<Result>, late: () => Result) => Promise<Result>;

export function createTimeLimit(timer: Timer): Within {
  return async (ms, result, late) => {
    const limit = timer(ms);
    try {
      return await Promise.race([result, limit.done.then(late)]);
    } finally {
      limit.cancel();
    }
  };
}
