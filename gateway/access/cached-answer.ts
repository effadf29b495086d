export interface CachedAnswerOptions {
  /** Within it the same answer is given again. */
  readonly maxAgeMs: number;
  /** Milliseconds of a clock that only runs forward. */
  readonly now?: (() => number) | undefined;
}

/** Asks at most once in `maxAgeMs`, however many want to know; callers that come together share one round. */
export function cachedAnswer<Answer>(
  ask: () => Promise<Answer>,
  { maxAgeMs, now = () => performance.now() }: CachedAnswerOptions,
): () => Promise<Answer> {
  let kept: { readonly answer: Promise<Answer>; readonly until: number } | undefined;
  return () => {
    if (!kept || kept.until <= now()) kept = { answer: ask(), until: now() + maxAgeMs };
    return kept.answer;
  };
}
