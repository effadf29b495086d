/** Deadlines are budgets: every hop answers slightly before its caller stops waiting, and passes on what is left. */

/** Used when the caller sets no deadline. */
const defaultDeadlineMs = 5_000;
/** The maximum, however long a caller is willing to wait. */
const longestDeadlineMs = 30_000;

/** Kept back so that the answer still arrives in time: a twentieth of what is left, at least 5 ms and at most 50. */
function marginMs(left: number): number {
  return Math.min(50, Math.max(5, left / 20));
}

/**
 * When a call has to be answered, in milliseconds since 1970. requested is the caller's deadline (Infinity: none). A stream without a
 * deadline stays without.
 */
export function deadlineOf(requested: number, now: number, isStream: boolean): number {
  if (requested === Number.POSITIVE_INFINITY) return isStream ? requested : now + defaultDeadlineMs;
  const inTime = requested - marginMs(requested - now);
  return isStream ? inTime : Math.min(inTime, now + longestDeadlineMs);
}

/**
 * The time that a call to the next hop may take: its own limit, or what is left of the budget if that is less. Zero or below: do not call.
 * Whole milliseconds: Connect writes a fraction into grpc-timeout, and grpc-js reads "902.5m" as 5 ms.
 */
export function budgetMs(own: number, remaining: number | undefined): number {
  return Math.floor(remaining === undefined ? own : Math.min(own, remaining - marginMs(remaining)));
}
