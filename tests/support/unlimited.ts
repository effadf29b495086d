/** All tests call from one address, and are not to be in each other's way; limits.test.ts has a mesh of its own. */
export const unlimited: Readonly<Record<string, string>> = Object.fromEntries(
  ['SIGNUPS_PER_HOUR', 'LOGINS_PER_MINUTE', 'ANONYMOUS_CALLS_PER_MINUTE', 'CALLER_CALLS_PER_MINUTE']
    .concat('UNKNOWN_CODES_PER_MINUTE')
    .map((name) => [`HOP_LIMIT_${name}`, '1000000']),
);
