import { Tier } from '#gen/event/v1/click_pb.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import type { ClickLine, FollowedLink } from '../../clicks/parse.ts';
import { nameOf } from '../link-name.ts';
import { pathOf } from '../shards.ts';
import type { Popularity } from './popularity.ts';

/**
 * Counts the follows that would not reach a resolver if their link were hot. Bots count too: they cost the same. So do follows at hosts
 * that only `*` covers, although they are never hot: telling them apart would cost more than they are worth.
 */
export interface ClickTap {
  /** Called with every line of a followed link, in spool order except for a segment that could not be read in its turn. On the hot path. */
  tap(line: Pick<ClickLine, 'link' | 'method' | 'atUs' | 'path'>): void;
  /** Updates the metrics; call it from time to time. */
  flush(): Followed;
}

/** Since the last flush. */
interface Followed {
  /** Whether anything was followed. */
  readonly isNew: boolean;
  /** How many follows of hot links went to a resolver because their shard is withheld; an estimate while no line can be read. */
  readonly missed: number;
}

export interface ClickTapOptions extends Pick<Popularity, 'count' | 'fade'> {
  /** Whether a link is hot and its shard is withheld. */
  readonly isWithheld: (name: string, code: string) => boolean;
  /** How many follows of hot links go to a resolver in that many milliseconds because their shard is withheld, at the last known rates. */
  readonly expectedMisses: (elapsedMs: number) => number;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

const tierNames: Readonly<Partial<Record<Tier, string>>> = {
  [Tier.EDGE]: 'edge',
  [Tier.L1]: 'l1',
  [Tier.REDIS]: 'redis',
  [Tier.REPLICA]: 'replica',
  [Tier.PRIMARY]: 'primary',
};
const follows = counter(metric.follows);
const fadeMs = 1_000;
/**
 * A line has the time when its request began, and is written with its answer: a time further back than any request takes comes from another
 * clock.
 */
const disorderMs = 120_000;
/**
 * Without a line for this long, none can be read (Kafka is away and the spool stands), or nobody follows anything and a push costs nobody
 * anything.
 */
const standsMs = 1_000;

interface Names {
  readonly path: string;
  readonly name: string;
}
const names = new WeakMap<FollowedLink, Names>();

/** Computed once for all the lines that share a link. */
function namesOf(link: FollowedLink): Names {
  const known = names.get(link);
  if (known) return known;
  const made = { path: pathOf(link.code), name: nameOf(link) };
  names.set(link, made);
  return made;
}

export function createClickTap(options: ClickTapOptions): ClickTap {
  const { count, fade, isWithheld, expectedMisses, now = () => performance.now() } = options;
  const tally = new Map<Tier, number>();
  let missed = 0;
  let readAt = now();
  let flushedAt = now();
  let fadedAt: number | undefined;
  /** The latest time it had when it was set back: up to there counts have already faded. */
  let setBackFrom = Number.NEGATIVE_INFINITY;

  /**
   * Counts fade by the time of the clicks: while none can be read (Kafka is away and the spool stands), what was hot stays hot, and a spool
   * that is read late fades by its own time.
   */
  function fadeUpTo(clickMs: number): void {
    if (fadedAt !== undefined && clickMs < fadedAt + fadeMs && clickMs > fadedAt - disorderMs) return;
    const atMs = Math.min(clickMs, Date.now());
    // Far enough back to mean that the clock of the clicks was set back, the spool is being read anew, or a segment of it late.
    if (fadedAt === undefined || atMs < fadedAt - disorderMs) {
      setBackFrom = Math.max(setBackFrom, fadedAt ?? setBackFrom);
      fadedAt = atMs;
    }
    if (atMs < fadedAt + fadeMs) return;
    // After a late segment the time in between has already faded.
    const from = atMs > fadedAt + disorderMs ? Math.max(fadedAt, setBackFrom) : fadedAt;
    if (atMs > from) fade(atMs - from);
    fadedAt = atMs;
  }

  return {
    tap(line) {
      const { tier } = line.link;
      tally.set(tier, (tally.get(tier) ?? 0) + 1);
      if (line.method !== 'GET') return;
      fadeUpTo(line.atUs / 1_000);
      const { path, name } = namesOf(line.link);
      if (line.path !== path) return;
      count(name);
      if (tier !== Tier.EDGE && isWithheld(name, line.link.code)) missed += 1;
    },
    flush() {
      const isNew = tally.size > 0;
      const at = now();
      if (isNew) readAt = at;
      if (at - readAt > standsMs) missed += expectedMisses(at - flushedAt);
      flushedAt = at;
      for (const [tier, times] of tally) follows.add(times, { tier: tierNames[tier] ?? 'unknown' });
      tally.clear();
      const followed = { isNew, missed };
      missed = 0;
      return followed;
    },
  };
}
