import { rateLimitTable, unknownCodesLimit } from '#runtime/limits/rate-limits.ts';

/** For a mesh whose callers all have one address, and are not to be in each other's way. */
export const unlimited: Readonly<Record<string, string>> = Object.fromEntries(
  [...Object.values(rateLimitTable), unknownCodesLimit].map(({ name }) => [name, '1000000']),
);
