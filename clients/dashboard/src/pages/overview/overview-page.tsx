import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { useQuery } from '@connectrpc/connect-query';
import { keepPreviousData } from '@tanstack/react-query';
import { Link } from 'wouter';
import { AnalyticsService } from '#gen/analytics/v1/analytics_service_pb.ts';
import type { WorkspaceStats } from '#gen/analytics/v1/workspace_stats_pb.ts';
import { TimeChart } from '../../charts/lazy-charts.tsx';
import { count } from '../../charts/numbers.ts';
import { Panel } from '../../charts/panel.tsx';
import { CountTile, Tile, Tiles } from '../../charts/tiles.tsx';
import { chartPoints } from '../../charts/time/chart-points.ts';
import { Answer } from '../../components/feedback/answer.tsx';
import { EmptyState } from '../../components/feedback/states.tsx';
import { Page } from '../../components/page.tsx';
import { beforeLabel, type Range, timeZone } from '../../range/range.ts';
import { RangeBar } from '../../range/range-bar.tsx';
import { useRange } from '../../range/use-range.ts';
import { LiveCounter } from './live-counter.tsx';
import { TopLinks } from './top-links.tsx';

/** All links of the workspace at a glance. */
export default function OverviewPage() {
  const state = useRange();
  const { range, withBots } = state;
  const stats = useQuery(
    AnalyticsService.method.getWorkspaceStats,
    {
      from: timestampFromDate(range.from),
      ...(range.to && { to: timestampFromDate(range.to) }),
      interval: range.interval,
      timezone: timeZone(),
      includeBots: withBots,
      topLinks: 10,
    },
    { placeholderData: keepPreviousData, refetchInterval: 30_000 },
  );
  return (
    <Page title="Overview" lead="Every link of this workspace together.">
      <LiveCounter />
      <RangeBar {...state} />
      <Answer query={stats}>{(found) => <Numbers stats={found} range={range} />}</Answer>
    </Page>
  );
}

function Numbers({ stats, range }: { stats: WorkspaceStats; range: Range }) {
  const { previous } = stats;
  const than = beforeLabel(range);
  const isEmpty = stats.clicks + stats.bots + (previous?.clicks ?? 0) === 0;
  if (isEmpty) {
    return (
      <EmptyState
        title="No clicks in this period"
        advice="Share a link, or choose a longer period. Clicks appear here within two seconds."
      >
        <Link href="/links">Go to the links</Link>
      </EmptyState>
    );
  }
  return (
    <>
      <Tiles>
        <CountTile label="Clicks" value={stats.clicks} before={previous?.clicks} than={than} />
        <CountTile label="Visitors" value={stats.visitors} before={previous?.visitors} than={than} />
        <CountTile label="Bots" value={stats.bots} before={previous?.bots} than={than} />
        <Tile label="Links followed">{count(stats.links)}</Tile>
      </Tiles>
      <Panel title="Clicks and visitors">
        <TimeChart
          caption="Clicks and visitors of all links over time"
          points={chartPoints(stats.series)}
          before={chartPoints(previous?.series ?? [])}
          interval={range.interval}
        />
      </Panel>
      <Panel title="Most followed">
        {stats.topLinksUnnamed ? (
          <p>The names of these links are not available at the moment.</p>
        ) : (
          <TopLinks links={stats.topLinks} all={stats.clicks} />
        )}
      </Panel>
    </>
  );
}
