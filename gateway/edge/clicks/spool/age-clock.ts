interface AgeClockOptions {
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** For how long the wall clock has to run steadily before anything is deleted because of its age. */
const trustMs = 600_000;
/** What is corrected little by little is no step. */
const stepMs = 60_000;

/**
 * The time by which segments are too old, in milliseconds since 1970. What is deleted is gone for good, and the clock of a host that has just
 * started, was suspended or was set may be days off. So a step forward counts once ten minutes have passed without another, and after a
 * start nothing is too old for as long: that also gives Kafka the time to take what a host holds that was off for longer than clicks may wait.
 */
export function createAgeClock({ wallClock, now }: AgeClockOptions): () => number {
  /** The wall clock less the monotonic one, when it was last trusted. */
  let trusted = Number.NEGATIVE_INFINITY;
  /** The same, at the last look. */
  let last = trusted;
  let steppedAt: number | undefined;
  return () => {
    const at = now();
    const offset = wallClock() - at;
    if (offset < trusted + stepMs) steppedAt = undefined;
    else if (steppedAt === undefined || Math.abs(offset - last) >= stepMs) steppedAt = at;
    last = offset;
    if (steppedAt === undefined || at - steppedAt >= trustMs) {
      trusted = offset;
      steppedAt = undefined;
    }
    return trusted + at;
  };
}
