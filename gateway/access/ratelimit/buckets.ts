import type { LimitName } from '#runtime/limits/rate-limits.ts';

/** The bucket of one subject: an address or a caller. */
export interface Bucket {
  readonly limit: LimitName;
  readonly subject: string;
}

/** A bucket's decision about a call. */
export interface Decision {
  readonly limit: LimitName;
  readonly allowed: boolean;
  /** Calls that a full bucket allows. */
  readonly calls: number;
  /** Calls that may follow immediately. */
  readonly remaining: number;
  /** When the bucket is full again, in seconds since 1970. */
  readonly resetsAt: number;
  /** How long until the call would be allowed; 0 if it was. */
  readonly retryAfterSeconds: number;
}

export interface Buckets {
  /**
   * Takes `tokens` from each bucket, or from none if one has too few. Returns the decisions in the same order, or undefined while the count
   * is unavailable.
   */
  take(buckets: readonly Bucket[], tokens?: number): Promise<readonly Decision[] | undefined>;
}

/** The decision to report to a client: the first refusal, otherwise the bucket with the least left. */
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
