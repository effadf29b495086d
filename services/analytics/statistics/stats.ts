import type { Counts, StatsStore, TierCounts, ValueCounts } from '../store.ts';
import { type Dimension, dimensions } from './dimensions.ts';
import type { StatsQuery } from './stats-query.ts';

interface Point {
  /** When it begins, microseconds since 1970. */
  readonly at: number;
  readonly clicks: number;
  readonly visitors: number;
}

export interface Share {
  readonly value: string;
  readonly clicks: number;
  readonly visitors: number;
}

export interface Stats {
  readonly clicks: number;
  readonly visitors: number;
  readonly bots: number;
  readonly heads: number;
  readonly prefetches: number;
  readonly series: readonly Point[];
  readonly breakdowns: Readonly<Record<Dimension, readonly Share[]>>;
  /** In descending order. */
  readonly tiers: readonly TierCounts[];
  /** Milliseconds since 1970. */
  readonly lastClickAt: number | undefined;
}

const mostValues = 100;
/** How many of a link's latest requests are examined one by one. */
const mostLookedAt = 10_000;

/** Reads what the query needs, all on one snapshot, and adds it up. With bots, those are added to clicks and visitors everywhere. */
export async function readStats(
  store: StatsStore,
  linkId: string,
  query: StatsQuery,
  includeBots: boolean,
): Promise<Stats> {
  const { points, values, tiers, lastClickAt } = await store.snapshot(async (reader) => ({
    points: await reader.points(linkId, query.series, query.starts),
    values: await reader.values(linkId, query.breakdown, { bots: includeBots, limit: mostValues }),
    tiers: await reader.tiers(linkId, query, { bots: includeBots, limit: mostLookedAt }),
    lastClickAt: await reader.lastClickAt(linkId),
  }));
  const series = query.starts.map((at) => ({ at, clicks: 0, visitors: 0 }));
  const all = { clicks: 0, visitors: 0, bots: 0, heads: 0, prefetches: 0 };
  for (const counts of points) {
    const { clicks, visitors } = shown(counts, includeBots);
    const point = series[counts.point];
    if (point) {
      point.clicks += clicks;
      point.visitors += visitors;
    }
    all.clicks += clicks;
    all.visitors += visitors;
    all.bots += counts.bots;
    all.heads += counts.heads;
    all.prefetches += counts.prefetches;
  }
  const breakdowns = Object.fromEntries(
    dimensions.map((dimension) => [
      dimension,
      sharesOf(
        values.named.filter((value) => value.dimension === dimension),
        all,
        values.sums.get(dimension),
        includeBots,
      ),
    ]),
  ) as Record<Dimension, Share[]>;
  return { ...all, series, breakdowns, tiers, lastClickAt };
}

export function shown(counts: Counts, includeBots: boolean): { clicks: number; visitors: number } {
  if (!includeBots) return { clicks: counts.clicks, visitors: counts.visitors };
  return { clicks: counts.clicks + counts.bots, visitors: counts.visitors + counts.botVisitors };
}

/** What no named value accounts for belongs to the empty one. */
function sharesOf(
  named: readonly ValueCounts[],
  all: { readonly clicks: number; readonly visitors: number },
  sum: Counts | undefined,
  includeBots: boolean,
): Share[] {
  const shares: Share[] = named.map((counts) => ({ value: counts.value, ...shown(counts, includeBots) }));
  const together = sum ? shown(sum, includeBots) : { clicks: 0, visitors: 0 };
  const clicks = all.clicks - together.clicks;
  if (clicks > 0) shares.push({ value: '', clicks, visitors: Math.max(0, all.visitors - together.visitors) });
  return shares
    .filter((share) => share.clicks > 0)
    .sort((a, b) => b.clicks - a.clicks || (a.value < b.value ? -1 : 1))
    .slice(0, mostValues);
}
