/**
 * Which links are followed most at present, in bounded memory: space-saving (Metwally et al.) with two changes. Counts halve in each
 * half-life, so that they reflect the present. And instead of a search for the least counter each time, a batch of counters near the least
 * is picked at once and used up. That needs neither a heap nor sorted buckets, and lets all counts fade by one multiplication each.
 * docs/decisions/0015-hot-set.md has the figures.
 */
export interface Popularity {
  /** Counts one follow. On the hot path: called for every click. */
  count(name: string): void;
  /** Faded follows, the guaranteed part: without what its counter inherited from the previous link. 0: unknown. */
  scoreOf(name: string): number;
  /** Follows per second over the last seconds, roughly. */
  rateOf(name: string): number;
  /** All links with at least this score that `skip` does not exclude, in no particular order. */
  above(score: number, skip?: (name: string) => boolean): Popular[];
  /** Fades all counts for the time that has passed; call it about once a second. */
  fade(elapsedMs: number): void;
  /** Restores a count that the previous process saved. */
  restore(name: string, score: number): void;
  readonly size: number;
}

interface Popular {
  readonly name: string;
  readonly score: number;
  /** Follows per second. */
  readonly rate: number;
}

export interface PopularityOptions {
  /** How many links are counted at the same time. */
  readonly counters: number;
  /** A follow this long ago counts half. */
  readonly halfLifeMs: number;
}

const recentHalfLifeMs = 1_000;
const recentPerSecond = (1_000 * Math.LN2) / recentHalfLifeMs;
/** A batch is this share of the counters. */
const victimShare = 1 / 8;
const sampled = 512;

export function createPopularity({ counters, halfLifeMs }: PopularityOptions): Popularity {
  const slots = new Map<string, number>();
  const names: string[] = [];
  const counts = new Float64Array(counters);
  /** The count that each counter had when its present link took it over. */
  const inherited = new Float64Array(counters);
  const recent = new Float32Array(counters);
  let victims: number[] = [];
  let bar = 0;

  /** The counters with roughly the lowest counts, longest in the array first. */
  function pickVictims(): void {
    const sample = Float64Array.from({ length: sampled }, (_, i) => counts[Math.floor((i * counters) / sampled)] ?? 0);
    bar = sample.sort()[Math.floor(sampled * victimShare)] ?? 0;
    victims = [];
    const most = Math.ceil(counters * victimShare);
    for (let slot = 0; slot < counters && victims.length < most; slot++) {
      if ((counts[slot] ?? 0) <= bar) victims.push(slot);
    }
  }

  function victim(): number {
    for (;;) {
      const slot = victims.pop();
      if (slot === undefined) pickVictims();
      // Followed since it was picked: no longer among the least.
      else if ((counts[slot] ?? 0) <= bar) return slot;
    }
  }

  function slotFor(name: string): number {
    const free = names.length;
    const slot = free < counters ? free : victim();
    const before = names[slot];
    if (before !== undefined) slots.delete(before);
    names[slot] = name;
    slots.set(name, slot);
    inherited[slot] = counts[slot] ?? 0;
    recent[slot] = 0;
    return slot;
  }

  const score = (slot: number): number => (counts[slot] ?? 0) - (inherited[slot] ?? 0);
  const rate = (slot: number): number => (recent[slot] ?? 0) * recentPerSecond;

  return {
    count(name) {
      const slot = slots.get(name) ?? slotFor(name);
      counts[slot] = (counts[slot] ?? 0) + 1;
      recent[slot] = (recent[slot] ?? 0) + 1;
    },
    scoreOf(name) {
      const slot = slots.get(name);
      return slot === undefined ? 0 : score(slot);
    },
    rateOf(name) {
      const slot = slots.get(name);
      return slot === undefined ? 0 : rate(slot);
    },
    above(least, skip = () => false) {
      const found: Popular[] = [];
      for (let slot = 0; slot < names.length; slot++) {
        const name = names[slot];
        if (score(slot) < least || name === undefined || skip(name)) continue;
        found.push({ name, score: score(slot), rate: rate(slot) });
      }
      return found;
    },
    fade(elapsedMs) {
      const factor = 0.5 ** (elapsedMs / halfLifeMs);
      const recentFactor = 0.5 ** (elapsedMs / recentHalfLifeMs);
      for (let slot = 0; slot < names.length; slot++) {
        counts[slot] = (counts[slot] ?? 0) * factor;
        inherited[slot] = (inherited[slot] ?? 0) * factor;
        recent[slot] = (recent[slot] ?? 0) * recentFactor;
      }
      bar *= factor;
    },
    restore(name, given) {
      const slot = slots.get(name) ?? slotFor(name);
      counts[slot] = (counts[slot] ?? 0) + given;
    },
    get size() {
      return slots.size;
    },
  };
}
