/** Settles after this many milliseconds; cancel frees it. */
export type Timer = (ms: number) => { readonly done: Promise<void>; cancel(): void };

/** The result, or what `late` says where that takes longer than so many milliseconds. */
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
