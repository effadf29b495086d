export interface CachedAnswerOptions {
  /** For how long the same answer is returned. */
  readonly maxAgeMs: number;
  /** Milliseconds, monotonic. */
  readonly now?: (() => number) | undefined;
}

/** Asks at most once in `maxAgeMs`, for any number of callers; concurrent ones share one request. */
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
