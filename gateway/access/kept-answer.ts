export interface KeptAnswerOptions {
  /** Within it the same answer is given again. */
  readonly keptMs: number;
  /** Milliseconds of a clock that only runs forward. */
  readonly now?: (() => number) | undefined;
}

/** Asks at most once in `keptMs`, however many want to know; callers that come together share one round. */
export function keptAnswer<Answer>(
  ask: () => Promise<Answer>,
  { keptMs, now = () => performance.now() }: KeptAnswerOptions,
): () => Promise<Answer> {
  let kept: { readonly answer: Promise<Answer>; readonly until: number } | undefined;
  return () => {
    if (!kept || kept.until <= now()) kept = { answer: ask(), until: now() + keptMs };
    return kept.answer;
  };
}
