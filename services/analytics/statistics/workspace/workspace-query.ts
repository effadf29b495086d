import { ceilTo, cover, floorTo, type Piece } from '../cover.ts';
import { clockSlack } from '../retained.ts';
import { checkMoments, checkOrder, intervalOf, namedZone, pointsOf, type StatsQuestion } from '../stats-query.ts';
import type { Interval, Zone } from '../zone.ts';

/** Which hours answer a question about one period. Times are microseconds since 1970. */
export interface Period {
  readonly from: number;
  readonly until: number;
  /** When the points of the series begin, ascending. */
  readonly starts: readonly number[];
  /** The same to the hour: an hour that a start cuts belongs to the point that begins in it. */
  readonly cuts: readonly number[];
  /** The hours that are counted; `until` is not among them. */
  readonly hours: { readonly from: number; readonly until: number };
}

export interface WorkspaceQuery {
  readonly current: Period;
  /** As long as the current one, and right before it. */
  readonly previous: Period;
  /** What the links are compared by. */
  readonly pieces: readonly Piece[];
}

const usualLength = 30 * 86_400_000_000;
const knownIntervals: readonly Interval[] = ['hour', 'day', 'week', 'month'];

/** Checks the question and plans the reading. Throws the error that names the field that is wrong. */
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

/** An open end takes in the hour that is not over yet, and what clocks that are ahead have dated. */
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
