import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { LinkStats, LinkStatsSchema } from '#gen/analytics/v1/analytics_service_pb.ts';
import type { SeriesPointSchema } from '#gen/analytics/v1/series_point_pb.ts';
import type { WorkspaceStatsSchema } from '#gen/analytics/v1/workspace_stats_pb.ts';
import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import { tierName } from '../click-message.ts';
import { type Dimension, dimensions } from './dimensions.ts';
import type { Share, Stats } from './stats.ts';
import type { Period } from './workspace/workspace-query.ts';
import type { WorkspaceCounts } from './workspace/workspace-stats.ts';

/** Where the answer has each breakdown. */
const listBy: Readonly<Record<Dimension, keyof LinkStats>> = {
  referrer: 'referrers',
  country: 'countries',
  city: 'cities',
  device: 'devices',
  browser: 'browsers',
  operating_system: 'operatingSystems',
  language: 'languages',
};

export function linkStatsMessage({ breakdowns, ...found }: Stats): MessageInitShape<typeof LinkStatsSchema> {
  return {
    clicks: found.clicks,
    visitors: found.visitors,
    bots: found.bots,
    heads: found.heads,
    prefetches: found.prefetches,
    series: seriesOf(found.series),
    ...Object.fromEntries(dimensions.map((dimension) => [listBy[dimension], sharesOf(breakdowns[dimension])])),
    tiers: found.tiers.map(({ tier, clicks }) => ({ tier: tierName(tier), clicks })),
    ...(found.lastClickAt === undefined ? {} : { lastClickAt: timestampFromMs(found.lastClickAt) }),
  };
}

/** Names up to this many of the links that still exist; none without records. */
export function workspaceStatsMessage(
  { current, previous, top, links }: WorkspaceCounts,
  { from, until }: Period,
  records: readonly LinkRecord[] | undefined,
  limit: number,
): MessageInitShape<typeof WorkspaceStatsSchema> {
  const recordOf = new Map(records?.map((record) => [record.id, record]));
  const named = top.flatMap(({ linkId, clicks, visitors }) => {
    const record = recordOf.get(linkId);
    if (!record) return [];
    const { code, domain, title, deletedAt } = record;
    return { code, domain, title, clicks, visitors, deleted: deletedAt !== undefined };
  });
  return {
    ...current,
    links,
    series: seriesOf(current.series),
    topLinks: named.slice(0, limit),
    topLinksUnnamed: records === undefined,
    previous: {
      ...previous,
      from: timestampFromMs(Math.floor(from / 1_000)),
      to: timestampFromMs(Math.floor(until / 1_000)),
      series: seriesOf(previous.series),
    },
  };
}

function seriesOf(series: Stats['series']): MessageInitShape<typeof SeriesPointSchema>[] {
  return series.map(({ at, clicks, visitors }) => ({ at: timestampFromMs(at / 1_000), clicks, visitors }));
}

function sharesOf(shares: readonly Share[]): { value: string; clicks: number; visitors: number }[] {
  return shares.map(({ value, clicks, visitors }) => ({ value, clicks, visitors }));
}
