/** An upper bound of the age of what Watch has reported, by this process's clock and without assumptions about how fast anything arrived. */
export interface WatchAge {
  /** A stream is being requested. */
  connecting(): void;
  /**
   * A heartbeat has arrived: the primary was read at readAtMs of its clock. Returns false when only another stream can tell the age (again,
   * or better): the clocks have moved against each other, or this stream bounds it badly.
   */
  heartbeat(readAtMs: number): boolean;
  /** Changes may have been missed: nothing reported before counts. */
  gap(): void;
  /** The time, by this process's clock, up to which everything has been reported, at least; -Infinity while unknown. */
  readonly asOf: number;
  /** Milliseconds since then; infinite while unknown. */
  ageMs(): number;
  /** What the primary's clock shows by now, at least, according to the newest heartbeat; -Infinity while unknown. */
  primaryMs(): number;
}

/**
 * A heartbeat is some 10 ms old when it arrives. If one seems much older it is, or the clocks moved, or the stream was requested on a busy
 * machine. In the last case all of its heartbeats seem as old as the second one was: a second and a half when a process reads ten thousand
 * links as it starts. No lease can be held with that, and no made-up code be refused, so another stream is requested soon; less and less
 * often while that does not help.
 */
const suspectMs = 150;
const patience = { firstMs: 500, longestMs: 5_000 } as const;
/** How long the bound from a stream counts after its end, in addition to those of the next streams: some eight of them, at the pace of patience. */
const outlastsMs = 30_000;
const nothing = Number.NEGATIVE_INFINITY;

/**
 * Two clocks cannot be compared directly, and how long a message was in transit is unknown too. But a stream only reports what was read
 * after it was requested. Say it was requested at a (own clock), and reports a reading at r (the primary's clock). Then own time minus the
 * primary's is at least a - r, and any reading at r' was made at r' + a - r or later. The first heartbeat may report a reading that was
 * under way at a, so the second one is used. The error is on the safe side: a heartbeat seems older than it is by the time until the second
 * one was read, about 0.2 s.
 *
 * What a stream has told about the clocks stays valid for a while after it: each stream gives one such bound, and the greatest is the
 * tightest. So nothing seems older because another stream had to be requested, which may be slow to start as well. Not for longer, because
 * a jump ahead of the primary's clock goes unnoticed while its heartbeats are delayed by more than the jump. After one was noticed the next
 * stream starts without earlier bounds. After a gap, behind which may be another primary, none counts any more, not even this stream's; what
 * this stream then says of the clocks is true, but says little, because it was requested long ago.
 */
export function createWatchAge(now: () => number): WatchAge {
  let askedAt = 0;
  let heartbeats = 0;
  /** Own clock minus the primary's, at least: from this stream. */
  let offset = nothing;
  /** The same from an earlier stream, valid until then. */
  let earlier = { offset: nothing, until: nothing };
  /** Whether both bounds are void for the next stream. */
  let isOver = false;
  let asOf = nothing;
  /** When the first of this stream's too old heartbeats came, without a sound one since. */
  let suspectSince: number | undefined;
  let patienceMs: number = patience.firstMs;
  /** The primary's clock minus our own, at least; the transit time of the newest heartbeat makes it less. */
  let ahead = nothing;

  /** Whether a heartbeat that seems this old is no reason yet to request another stream. */
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
      // It cannot arrive before it was read: the primary's clock jumped ahead, or ours stood still (a host that slept).
      if (readAt > arrivedAt) {
        isOver = true;
        return false;
      }
      asOf = Math.max(asOf, readAt);
      return isBorne(arrivedAt, arrivedAt - readAt);
    },
    gap() {
      // The next reading was begun after the stream was requested, if there was one before.
      heartbeats = Math.min(1, heartbeats);
      offset = nothing;
      earlier = { offset: nothing, until: nothing };
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
