import { type ConfigOf, defineConfig, int, type Variable } from '../config/config.ts';

/** A bucket that holds `calls` and refills within the period: that many at once, and that many per period in the long run. */
export interface RateLimit {
  readonly calls: number;
  readonly periodSeconds: number;
}

/** With more, the interval would be less than the microsecond in which the buckets count. */
const mostCalls = 10_000_000;

/**
 * The rate limits of the public API and redirects, each with its variable and its default, in one table. gateway/access counts by it across
 * all edges, and each Envoy on its own. The first three are per address (IPv6: per /64).
 */
export const rateLimitTable = defineConfig({
  signups: limit('HOP_LIMIT_SIGNUPS_PER_HOUR', 300, 3_600),
  logins: limit('HOP_LIMIT_LOGINS_PER_MINUTE', 30, 60),
  /** API calls without credentials, or with invalid ones. */
  anonymous: limit('HOP_LIMIT_ANONYMOUS_CALLS_PER_MINUTE', 1_000, 60),
  /** API calls of one person, or of one API key. */
  caller: limit('HOP_LIMIT_CALLER_CALLS_PER_MINUTE', 6_000, 60),
});

/** Codes that do not exist, per address; counted by each resolver on its own, which slows down what exceeds it. */
export const unknownCodesLimit = limit('HOP_LIMIT_UNKNOWN_CODES_PER_MINUTE', 1_000, 60);

export type RateLimits = ConfigOf<typeof rateLimitTable>;
export type LimitName = keyof RateLimits;

function limit(name: string, calls: number, periodSeconds: number): Variable<RateLimit> {
  const figure = int(name, { min: 1, max: mostCalls });
  return {
    ...figure,
    parse: (raw) => ({ calls: figure.parse(raw), periodSeconds }),
    fallback: { value: { calls, periodSeconds } },
  };
}
