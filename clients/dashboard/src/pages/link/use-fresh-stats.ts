import { createConnectQueryKey } from '@connectrpc/connect-query';
import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef } from 'react';
import { AnalyticsService } from '#gen/analytics/v1/analytics_service_pb.ts';
import { atIntervals } from './at-intervals.ts';

/** One refresh for any number of clicks, late enough for a replica to have them. */
const pauseMs = 1_500;
const statsKey = createConnectQueryKey({ schema: AnalyticsService.method.getLinkStats, cardinality: 'finite' });

/** Call it with each click: refreshes the statistics, once for all clicks within a moment. */
export function useFreshStats(): () => void {
  const queries = useQueryClient();
  const asking = useRef<ReturnType<typeof atIntervals>>(undefined);
  useEffect(() => {
    asking.current = atIntervals(pauseMs, () => queries.invalidateQueries({ queryKey: statsKey }));
    return () => asking.current?.stop();
  }, [queries]);
  return useCallback(() => asking.current?.call(), []);
}
