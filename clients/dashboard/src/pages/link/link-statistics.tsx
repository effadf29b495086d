import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { useQuery } from '@connectrpc/connect-query';
import { keepPreviousData } from '@tanstack/react-query';
import { AnalyticsService, type LinkStats } from '#gen/analytics/v1/analytics_service_pb.ts';
import type { Link } from '#gen/link/v1/link_pb.ts';
import { TimeChart } from '../../charts/lazy-charts.tsx';
import { Panel } from '../../charts/panel.tsx';
import { CountTile, Tile, Tiles } from '../../charts/tiles.tsx';
import { chartPoints } from '../../charts/time/chart-points.ts';
import { Button } from '../../components/controls/button.tsx';
import { Answer } from '../../components/feedback/answer.tsx';
import { EmptyState } from '../../components/feedback/states.tsx';
import { fullMoment, millisecondsOf, sinceThen } from '../../range/moments.ts';
import { beforeLabel, periodBefore, type Range, timeZone } from '../../range/range.ts';
import { useLinkActions } from '../links/use-link-actions.ts';
import { Breakdowns } from './breakdowns.tsx';

interface LinkStatisticsProps {
  readonly link: Link;
  readonly range: Range;
  readonly now: Date;
  readonly withBots: boolean;
}

/** How often the link was followed in the range, against the period before, and by whom. */
export function LinkStatistics({ link, range, now, withBots }: LinkStatisticsProps) {
  const { code, domain } = link;
  const actions = useLinkActions();
  const question = { code, domain, interval: range.interval, timezone: timeZone(), includeBots: withBots };
  const period = periodBefore(range, now);
  const fresh = { placeholderData: keepPreviousData, refetchInterval: 60_000 };
  const stats = useQuery(
    AnalyticsService.method.getLinkStats,
    { ...question, from: timestampFromDate(range.from), ...(range.to && { to: timestampFromDate(range.to) }) },
    fresh,
  );
  const before = useQuery(
    AnalyticsService.method.getLinkStats,
    { ...question, from: timestampFromDate(period.from), to: timestampFromDate(period.to) },
    { placeholderData: keepPreviousData },
  );
  // While another range is answered what is shown of one of them may be of the range that was looked at before.
  const isOld = stats.isPlaceholderData || before.isPlaceholderData;
  return (
    <Answer query={stats}>
      {(found) =>
        found.lastClickAt || found.bots > 0 ? (
          <Numbers stats={found} before={isOld ? undefined : before.data} range={range} />
        ) : (
          <EmptyState title="No clicks yet" advice="Share this link: clicks appear here within two seconds.">
            <Button look="primary" icon="copy" onClick={() => actions.copy(link)}>
              Copy the short link
            </Button>
          </EmptyState>
        )
      }
    </Answer>
  );
}

interface NumbersProps {
  readonly stats: LinkStats;
  readonly before: LinkStats | undefined;
  readonly range: Range;
}

function Numbers({ stats, before, range }: NumbersProps) {
  const than = beforeLabel(range);
  const lastClickAt = stats.lastClickAt && millisecondsOf(stats.lastClickAt);
  return (
    <>
      <Tiles>
        <CountTile label="Clicks" value={stats.clicks} before={before?.clicks} than={than} />
        <CountTile label="Visitors" value={stats.visitors} before={before?.visitors} than={than} />
        <CountTile label="Bots" value={stats.bots} before={before?.bots} than={than} />
        <Tile label="Last click" note={lastClickAt && fullMoment(lastClickAt)}>
          {lastClickAt ? sinceThen(lastClickAt, Date.now()) : 'Never'}
        </Tile>
      </Tiles>
      <Panel title="Clicks and visitors">
        <TimeChart
          caption="Clicks and visitors over time"
          points={chartPoints(stats.series)}
          before={chartPoints(before?.series ?? [])}
          interval={range.interval}
        />
      </Panel>
      <Breakdowns stats={stats} />
    </>
  );
}
