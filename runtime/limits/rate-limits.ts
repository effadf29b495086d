import { type ConfigOf, defineConfig, int, type Variable } from '../config/config.ts';

/** A bucket that holds `calls` and fills up within the period: so many at once, and so many per period for ever. */
export interface RateLimit {
  readonly calls: number;
  readonly periodSeconds: number;
}

/** More would be less than the microsecond by which the buckets count. */
const mostCalls = 10_000_000;

/**
 * The rate limits of the front door, each with its variable and its default, in one table. gateway/access counts by it over all
 * edges, and each Envoy by itself. The first three are per address (IPv6: per /64).
 */
export const rateLimitTable = defineConfig({
  signups: limit('HOP_LIMIT_SIGNUPS_PER_HOUR', 300, 3_600),
  logins: limit('HOP_LIMIT_LOGINS_PER_MINUTE', 30, 60),
  /** API calls without credentials, or with ones that are refused. */
  anonymous: limit('HOP_LIMIT_ANONYMOUS_CALLS_PER_MINUTE', 1_000, 60),
  /** API calls of one person, or of one API key. */
  caller: limit('HOP_LIMIT_CALLER_CALLS_PER_MINUTE', 6_000, 60),
});

/** Codes that lead nowhere, per address; counted by each resolver for itself, which slows what is beyond. */
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
