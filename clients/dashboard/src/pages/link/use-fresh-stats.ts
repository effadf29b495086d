import { createConnectQueryKey } from '@connectrpc/connect-query';
import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef } from 'react';
import { AnalyticsService } from '#gen/analytics/v1/analytics_service_pb.ts';
import { atIntervals } from './at-intervals.ts';

/** Of any number of clicks at once, one new question; late enough for a replica to have them. */
const pauseMs = 1_500;
const statsKey = createConnectQueryKey({ schema: AnalyticsService.method.getLinkStats, cardinality: 'finite' });

/** To be called with each click: asks for the statistics again, once for all of a moment. */
export function useFreshStats(): () => void {
  const queries = useQueryClient();
  const asking = useRef<ReturnType<typeof atIntervals>>(undefined);
  useEffect(() => {
    asking.current = atIntervals(pauseMs, () => queries.invalidateQueries({ queryKey: statsKey }));
    return () => asking.current?.stop();
  }, [queries]);
  return useCallback(() => asking.current?.call(), []);
}
