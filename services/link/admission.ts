import { unavailable } from '#runtime/errors/errors.ts';

/** Decides whether to accept more work by how long work waits, not by how much of it there is. */
export interface Admission {
  /** Throws UNAVAILABLE (OVERLOADED) while work waits too long for a connection. Nothing was done yet. */
  admit(): void;
  /** A wait for a connection begins; call the returned function at its end. */
  waiting(): () => void;
}

export interface AdmissionOptions {
  /** A queue whose head waits longer than this is too long. */
  readonly targetMs: number;
  /** How long it may be too long: a burst that drains by itself is not an overload. */
  readonly intervalMs: number;
  /** Work that would wait longer than this, at the present pace, is refused at once. */
  readonly longestMs: number;
  readonly now?: () => number;
}

/** An overload that returns within this many intervals gets no further interval of patience. */
const memoryIntervals = 20;
const paceSamples = 16;

/**
 * CoDel at the entrance of the pool: what counts is how long the head of the queue has waited. A queue that has been above the target for
 * an interval sheds all new work until it is below. A burst that arrives at once is judged by the pace at which the queue has been moving:
 * its head has not waited yet.
 */
export function createAdmission(options: AdmissionOptions): Admission {
  const { targetMs, intervalMs, longestMs, now = () => performance.now() } = options;
  const waits = new Set<{ readonly since: number }>();
  let aboveSince: number | undefined;
  let shedAt = Number.NEGATIVE_INFINITY;
  let movedAt = Number.NEGATIVE_INFINITY;
  /** Mean time from one end of a wait to the next, while there was always somebody waiting. */
  let paceMs = 0;

  function headWait(at: number): number {
    const [head] = waits;
    return head ? at - head.since : 0;
  }

  function standsTooLong(at: number, waitMs: number): boolean {
    if (waitMs <= targetMs) {
      aboveSince = undefined;
      return false;
    }
    aboveSince ??= at;
    const patienceMs = at - shedAt < memoryIntervals * intervalMs ? 0 : intervalMs;
    if (at - aboveSince < patienceMs) return false;
    shedAt = at;
    return true;
  }

  function moved(since: number): void {
    const at = now();
    if (since <= movedAt) paceMs += (at - movedAt - paceMs) / paceSamples;
    movedAt = at;
    if (waits.size === 0 || at - since <= targetMs) aboveSince = undefined;
  }

  return {
    admit() {
      const at = now();
      const waitMs = headWait(at);
      const expectedMs = Math.max(waitMs, waits.size * paceMs);
      if (!standsTooLong(at, waitMs) && expectedMs <= longestMs) return;
      throw unavailable('OVERLOADED', 'More links are being created than can be stored; try again.', expectedMs);
    },
    waiting() {
      const wait = { since: now() };
      waits.add(wait);
      return () => {
        if (waits.delete(wait)) moved(wait.since);
      };
    },
  };
}
