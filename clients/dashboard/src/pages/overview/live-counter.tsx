import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { useTransport } from '@connectrpc/connect-query';
import { useCallback, useState } from 'react';
import { AnalyticsService } from '#gen/analytics/v1/analytics_service_pb.ts';
import type { WatchWorkspaceResponse } from '#gen/analytics/v1/workspace_stats_pb.ts';
import { count } from '../../charts/numbers.ts';
import { LiveMark } from '../../live/live-mark.tsx';
import { useStream } from '../../live/use-stream.ts';
import style from './overview.module.css';

/** How often the links were followed today, as it happens. */
export function LiveCounter() {
  const transport = useTransport();
  const [counts, setCounts] = useState<WatchWorkspaceResponse>();
  const open = useCallback(
    (signal: AbortSignal) => {
      const midnight = new Date();
      midnight.setHours(0, 0, 0, 0);
      const since = timestampFromDate(midnight);
      return createClient(AnalyticsService, transport).watchWorkspace({ since }, { signal, timeoutMs: 0 });
    },
    [transport],
  );
  const stream = useStream(open, setCounts);
  return (
    <section className={style.live} aria-label="Today">
      <p className={style.today}>
        <strong data-testid="clicks-today">{counts ? count(counts.clicks) : '–'}</strong>{' '}
        {counts?.clicks === 1 ? 'click' : 'clicks'} today
        {counts && counts.clicks > 0 && (
          <span className={style.quiet}>
            by {count(counts.visitors)} {counts.visitors === 1 ? 'visitor' : 'visitors'}
          </span>
        )}
      </p>
      <LiveMark {...stream} />
    </section>
  );
}
