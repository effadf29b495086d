import { ceilTo, cover, floorTo, type Piece } from '../cover.ts';
import { clockSlack } from '../retained.ts';
import { checkMoments, checkOrder, intervalOf, namedZone, pointsOf, type StatsQuestion } from '../stats-query.ts';
import type { Interval, Zone } from '../zone.ts';

/** The hours that answer a request for one period. Times are microseconds since 1970. */
export interface Period {
  readonly from: number;
  readonly until: number;
  /** The starts of the series' points, ascending. */
  readonly starts: readonly number[];
  /** The same by the hour: an hour that a start cuts belongs to the point in which it begins. */
  readonly cuts: readonly number[];
  /** The hours that are counted; `until` is exclusive. */
  readonly hours: { readonly from: number; readonly until: number };
}

export interface WorkspaceQuery {
  readonly current: Period;
  /** As long as the current one, and directly before it. */
  readonly previous: Period;
  /** What the ranking of links is counted from. */
  readonly pieces: readonly Piece[];
}

const usualLength = 30 * 86_400_000_000;
const knownIntervals: readonly Interval[] = ['hour', 'day', 'week', 'month'];

/** Validates the request and plans the reading. Throws an error that names the invalid field. */
export function planWorkspaceStats(
  question: Pick<StatsQuestion, 'from' | 'to' | 'interval' | 'timezone' | 'now'>,
): WorkspaceQuery {
  const { now } = question;
  checkMoments(question);
  const until = question.to ?? now + 1;
  const from = question.from ?? Math.max(0, until - usualLength);
  checkOrder(question.from, from, until);
  const interval = intervalOf(question.interval, knownIntervals);
  const zone = namedZone(question.timezone);
  const current = periodOf(from, until, until > now, interval, zone);
  const { hours } = current;
  return {
    current,
    previous: periodOf(Math.max(0, from - (until - from)), from, false, interval, zone),
    pieces: cover(hours.from, hours.until, ['day', 'hour']),
  };
}

/** An open end includes the current hour, and what fast clocks have dated ahead. */
function periodOf(from: number, until: number, openEnd: boolean, interval: Interval, zone: Zone): Period {
  const starts = pointsOf(from, until, interval, zone);
  const end = openEnd ? ceilTo('day', until + clockSlack) : floorTo('hour', until);
  return {
    from,
    until,
    starts,
    cuts: starts.map((start) => floorTo('hour', start)),
    hours: { from: floorTo('hour', from), until: end },
  };
}
