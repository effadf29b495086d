import type { SeriesPoint } from '#gen/analytics/v1/series_point_pb.ts';
import { millisecondsOf } from '../../range/moments.ts';

export interface ChartPoint {
  /** When it begins, milliseconds since 1970. */
  readonly at: number;
  readonly clicks: number;
  readonly visitors: number;
}

/** A series of the contract as a chart takes it. */
export function chartPoints(series: readonly SeriesPoint[]): ChartPoint[] {
  return series.map(({ at, clicks, visitors }) => ({ at: millisecondsOf(at), clicks, visitors }));
}
