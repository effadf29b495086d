import type { LimitName } from '#runtime/limits/rate-limits.ts';

/** The bucket of one subject: an address or a caller. */
export interface Bucket {
  readonly limit: LimitName;
  readonly subject: string;
}

/** What a bucket said to a call. */
export interface Decision {
  readonly limit: LimitName;
  readonly allowed: boolean;
  /** Calls that a full bucket allows. */
  readonly calls: number;
  /** Calls that may follow this one at once. */
  readonly remaining: number;
  /** When the bucket is full again, in seconds since 1970. */
  readonly resetsAt: number;
  /** How long until the call would be let through; 0 when it was. */
  readonly retryAfterSeconds: number;
}

export interface Buckets {
  /**
   * Takes `tokens` from each bucket, or from none of them when one has too few. Answers in the order asked, or undefined
   * when nobody can say.
   */
  take(buckets: readonly Bucket[], tokens?: number): Promise<readonly Decision[] | undefined>;
}

/** The decision that a client is told: the first refusal, else the bucket with the least left. */
export function tightest(decisions: readonly Decision[]): Decision | undefined {
  const refused = decisions.find(({ allowed }) => !allowed);
  return refused ?? decisions.toSorted((a, b) => a.remaining - b.remaining)[0];
}

/** Allowed and refused answers carry the same headers. */
export function rateLimitHeaders(decision: Decision): Record<string, string> {
  const { allowed, calls, remaining, resetsAt, retryAfterSeconds } = decision;
  return {
    'x-ratelimit-limit': String(calls),
    'x-ratelimit-remaining': String(remaining),
    'x-ratelimit-reset': String(resetsAt),
    ...(allowed ? {} : { 'retry-after': String(retryAfterSeconds) }),
  };
}
