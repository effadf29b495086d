import { invalid } from '#runtime/errors/errors.ts';
import { ceilTo, coarsestFor, floorTo, type Piece, unitsFrom } from './cover.ts';
import { clockSlack, coverRetained, type Retained } from './retained.ts';
import { type Interval, intervals, type Zone, zoneOf } from './zone.ts';

/** The request; times are microseconds since 1970, undefined: not given. */
export interface StatsQuestion {
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly interval: string | undefined;
  readonly timezone: string | undefined;
  readonly linkCreatedAt: number;
  readonly now: number;
  /** Absent: everything is kept. */
  readonly retained?: Retained;
}

/** The counts that answer it. */
export interface StatsQuery {
  /** The starts of the series' points, ascending. The first also has what is before it, the last what is after it. */
  readonly starts: readonly number[];
  readonly series: readonly Piece[];
  readonly breakdown: readonly Piece[];
  /** What is read, in microseconds since 1970, further than requested if an end is open; `until` is exclusive. */
  readonly from: number;
  readonly until: number;
}

export const mostPoints = 10_000;
const latest = Date.UTC(2200, 0) * 1_000;

/** Validates the request and plans the reading. Throws an error that names the invalid field. */
export function planStats(question: StatsQuestion): StatsQuery {
  const { from, until, openStart, openEnd } = rangeOf(question);
  const { retained = { clicksFrom: 0, minutesFrom: 0 } } = question;
  const interval = intervalOf(question.interval);
  const zone = namedZone(question.timezone);
  const starts = pointsOf(from, until, interval, zone);
  // Nothing is older than the link or newer than now: an open end includes, in its first and last point, what slightly wrong clocks have
  // dated beyond, and is read in whole days. Points and breakdowns cover the same range.
  const first = openStart ? floorTo('day', from - clockSlack) : from;
  const last = openEnd ? ceilTo('day', until + clockSlack) : until;
  return {
    from: first,
    until: last,
    starts,
    series: seriesOf({ from: first, until: last, starts }, retained),
    breakdown: coverRetained(first, last, ['day', 'hour', 'click'], retained).flatMap(withinDays),
  };
}

/** Which values are named differs from day to day. */
function withinDays(piece: Piece): Piece[] {
  const midnight = floorTo('day', piece.until - 1);
  if (piece.unit !== 'click' || midnight <= piece.from) return [piece];
  return [...withinDays({ ...piece, until: midnight }), { ...piece, from: midnight }];
}

const hour = 3_600_000_000;

interface Points {
  readonly from: number;
  readonly until: number;
  readonly starts: readonly number[];
}

/**
 * Reads the coarsest rollup that fits between all points. If points begin within an hour (days in a time zone with a half-hour offset) that
 * would be minutes throughout, or single clicks. There hours are read all the same, and what comes after the cut in an hour is shifted.
 */
function seriesOf({ from, until, starts }: Points, retained: Retained): Piece[] {
  const cuts = starts.slice(1);
  const unit = coarsestFor(cuts);
  const cutHours = new Set(cuts.filter((cut) => cut % hour !== 0).map((cut) => floorTo('hour', cut)));
  const fewAreCut = cutHours.size * 2 * hour < until - from;
  if (unit === 'day' || unit === 'hour' || !fewAreCut) return coverRetained(from, until, unitsFrom(unit), retained);
  const pieces = coverRetained(from, until, unitsFrom('hour'), retained);
  return [...pieces, ...shiftsOf(pieces, starts, retained)];
}

/** The row of an hour belongs to the point in which it begins. Where the clicks are gone all of it stays there. */
function shiftsOf(pieces: readonly Piece[], starts: readonly number[], retained: Retained): Piece[] {
  const hours = pieces.filter(({ unit, less }) => unit === 'hour' && !less);
  return starts.slice(1).flatMap((start, place) => {
    const row = floorTo('hour', start);
    const isRead = hours.some(({ from, until }) => from <= row && row < until);
    if (row === start || row < retained.clicksFrom || !isRead) return [];
    const shift = { from: Math.max(row, starts[place] ?? row), to: start };
    return coverRetained(start, row + hour, unitsFrom('minute'), retained).map((piece) => ({ ...piece, shift }));
  });
}

interface Range {
  readonly from: number;
  readonly until: number;
  readonly openStart: boolean;
  readonly openEnd: boolean;
}

function rangeOf({ from, to, linkCreatedAt, now }: StatsQuestion): Range {
  checkMoments({ from, to });
  const until = to ?? now + 1;
  const start = from ?? Math.min(linkCreatedAt, until - 1);
  checkOrder(from, start, until);
  return { from: start, until, openStart: start <= linkCreatedAt, openEnd: until > now };
}

export function checkMoments({ from, to }: Pick<StatsQuestion, 'from' | 'to'>): void {
  for (const [field, at] of [
    ['from', from],
    ['to', to],
  ] as const) {
    if (at !== undefined && (at < 0 || at > latest))
      throw invalid(field, 'is not between 1970 and 2200', 'RANGE_INVALID');
  }
}

/** `asked` is the requested start, if there was one. */
export function checkOrder(asked: number | undefined, from: number, until: number): void {
  if (from >= until)
    throw invalid(asked === undefined ? 'to' : 'from', 'is not before the end of the range', 'RANGE_INVALID');
}

export function intervalOf(text: string | undefined, known: readonly Interval[] = intervals): Interval {
  const found = known.find((interval) => interval === (text ?? 'day'));
  if (!found) throw invalid('interval', `is none of ${known.join(', ')}`, 'INTERVAL_INVALID');
  return found;
}

export function namedZone(timezone: string | undefined): Zone {
  const zone = zoneOf(timezone ?? 'UTC');
  if (!zone) throw invalid('timezone', 'is not an IANA time zone such as Europe/Berlin', 'TIMEZONE_INVALID');
  return zone;
}

/** No point is longer in total, whatever clocks do: a range with too many of these is not even enumerated. */
const widest: Readonly<Record<Interval, number>> = {
  minute: 60_000_000,
  hour: 1.5 * hour,
  day: 25 * hour,
  week: 7 * 25 * hour,
  month: 32 * 24 * hour,
};

export function pointsOf(from: number, until: number, interval: Interval, zone: Zone): number[] {
  const tooMany = () => invalid('interval', `gives more than ${mostPoints} points for this range`, 'INTERVAL_INVALID');
  if ((until - from) / widest[interval] > mostPoints) throw tooMany();
  const starts: number[] = [];
  let start = zone.startOf(interval, Math.floor(from / 1_000));
  while (start * 1_000 < until) {
    if (starts.length === mostPoints) throw tooMany();
    starts.push(start * 1_000);
    start = zone.next(interval, start);
  }
  return starts;
}
