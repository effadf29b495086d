import { unavailable } from '#runtime/errors/errors.ts';

/** Decides by how long work waits, not by how much of it there is, whether more is taken on. */
export interface Admission {
  /** Throws UNAVAILABLE (OVERLOADED) while work waits too long for a connection. Nothing was done yet. */
  admit(): void;
  /** A wait for a connection begins; what it answers is called at its end. */
  waiting(): () => void;
}

export interface AdmissionOptions {
  /** A queue whose head waits longer than this is too long. */
  readonly targetMs: number;
  /** For so long it may be: a burst that drains by itself is no overload. */
  readonly intervalMs: number;
  /** Who would wait longer than this, at the present pace, is not taken at all. */
  readonly longestMs: number;
  readonly now?: () => number;
}

/** Overload that comes back within so many intervals is not given another interval of patience. */
const memoryIntervals = 20;
const paceSamples = 16;

/**
 * CoDel at the door of the pool: what counts is the time that the head of the queue has waited. A queue that has stood above
 * the target for an interval sheds all that is new until it is below. A crowd that comes at once is judged by the pace at
 * which the queue was seen to move: its head has not waited yet.
 */
export function createAdmission(options: AdmissionOptions): Admission {
  const { targetMs, intervalMs, longestMs, now = () => performance.now() } = options;
  const waits = new Set<{ readonly since: number }>();
  let aboveSince: number | undefined;
  let shedAt = Number.NEGATIVE_INFINITY;
  let movedAt = Number.NEGATIVE_INFINITY;
  /** Mean time from one end of a wait to the next, while somebody waited all along. */
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
      throw unavailable('OVERLOADED', 'More links are being made than can be stored; try again.', expectedMs);
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
