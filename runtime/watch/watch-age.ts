/** How old what Watch has told is at most, by this process's clock and without trust in how fast anything arrived. */
export interface WatchAge {
  /** A stream is being asked for. */
  connecting(): void;
  /**
   * A heartbeat has arrived: the primary was read at readAtMs of its clock. Answers false when only another stream can tell the
   * age (again, or better): the clocks have moved against each other, or this one tells it badly.
   */
  heartbeat(readAtMs: number): boolean;
  /** Changes may have been missed: nothing told before counts. */
  gap(): void;
  /** The time, by this process's clock, up to which all is told, at least; -Infinity while nothing is known. */
  readonly asOf: number;
  /** Milliseconds since then; infinite while nothing is known. */
  ageMs(): number;
  /** What the primary's clock shows by now, at least, by the newest heartbeat; -Infinity while nothing is known. */
  primaryMs(): number;
}

/**
 * A heartbeat is some 10 ms old when it arrives. One that seems much older is so, or the clocks moved, or the stream was asked
 * for on a busy machine. In the last case all of its heartbeats seem as old as the second one was: a second and a half where
 * a process reads ten thousand links as it starts. No lease can be held with that, and no made-up code be refused, so another stream is asked
 * for soon; less and less often while it helps nothing.
 */
const suspectMs = 150;
const patience = { firstMs: 500, longestMs: 5_000 } as const;
/** For how long what a stream told of the clocks counts after it, beside what the next ones tell: some eight of them, as patience has it. */
const outlastsMs = 30_000;
const nothing = Number.NEGATIVE_INFINITY;

/**
 * Two clocks cannot be compared, and how long a message was on its way is not known either. But a stream only tells of what was
 * read after it was asked for. Let it be asked for at a (own clock), and tell of a reading at r (the primary's clock). Then own time
 * less the primary's is at least a - r, and any reading at r' was made at r' + a - r or later. The first heartbeat may
 * tell of a reading that was under way at a, so the second one is taken. The error is on the safe side: a heartbeat seems older
 * than it is by what the second one took to be read, about 0.2 s.
 *
 * What was learned of the clocks outlasts its stream for a while: each stream tells one such bound, and the greatest is the nearest. So nothing
 * seems older because another stream had to be asked for, and that one may be slow to begin as well. Not for longer, for a clock of the primary
 * that went ahead is not found out while its heartbeats are later than it went. Where it was found out, and after a gap, behind which may be another
 * primary, the next stream begins without it.
 */
export function createWatchAge(now: () => number): WatchAge {
  let askedAt = 0;
  let heartbeats = 0;
  /** Own clock less the primary's, at least: by this stream. */
  let offset = nothing;
  /** The same by one before it, which counts until then. */
  let earlier = { offset: nothing, until: nothing };
  /** Both may be others for the next stream. */
  let isOver = false;
  let asOf = nothing;
  /** When the first heartbeat of this stream came of those that seemed too old, without a sound one since. */
  let suspectSince: number | undefined;
  let patienceMs: number = patience.firstMs;
  /** The primary's clock less own, at least; that the newest heartbeat was on its way makes it less. */
  let ahead = nothing;

  /** Whether what seems so old now is no reason yet to ask for another stream. */
  function isBorne(now: number, seemsMs: number): boolean {
    if (seemsMs <= suspectMs) {
      suspectSince = undefined;
      patienceMs = patience.firstMs;
      return true;
    }
    suspectSince ??= now;
    if (now - suspectSince < patienceMs) return true;
    patienceMs = Math.min(patience.longestMs, 2 * patienceMs);
    return false;
  }

  const earlierOffset = (at: number): number => (at < earlier.until ? earlier.offset : nothing);

  return {
    connecting() {
      askedAt = now();
      heartbeats = 0;
      if (isOver) earlier = { offset: nothing, until: nothing };
      else if (offset > earlierOffset(askedAt)) earlier = { offset, until: askedAt + outlastsMs };
      offset = nothing;
      isOver = false;
      suspectSince = undefined;
    },
    heartbeat(readAtMs) {
      const arrivedAt = now();
      heartbeats++;
      ahead = readAtMs - arrivedAt;
      if (heartbeats === 2) offset = askedAt - readAtMs;
      const known = Math.max(offset, earlierOffset(arrivedAt));
      if (known === nothing) return true;
      const readAt = readAtMs + known;
      // It cannot arrive before it was read: the primary's clock went ahead, or ours stood still (a host that slept).
      if (readAt > arrivedAt) {
        isOver = true;
        return false;
      }
      asOf = Math.max(asOf, readAt);
      return isBorne(arrivedAt, arrivedAt - readAt);
    },
    gap() {
      if (heartbeats < 2) earlier = { offset: nothing, until: nothing };
      else isOver = true;
      asOf = nothing;
      ahead = nothing;
    },
    get asOf() {
      return asOf;
    },
    ageMs: () => now() - asOf,
    primaryMs: () => ahead + now(),
  };
}
