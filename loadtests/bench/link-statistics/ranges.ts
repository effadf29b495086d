// The ranges that statistics are asked for: whole days, and ends that cut hours, minutes and seconds.
import { DAYS } from './ten-million.ts';

export interface Range {
  readonly name: string;
  /** Microseconds since 1970; absent: from the making of the link, until now. */
  readonly from?: number;
  readonly until?: number;
  readonly interval?: 'day' | 'hour';
  readonly timezone?: string;
}

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
/** Its days begin at half past six in the evening. */
const HALF_HOURS = 'Asia/Kolkata';

/** The days that a range cuts: numbers from 0 on. Of these the clicks themselves have to be there. */
export const CUT_DAYS = [0, DAYS - 7, DAYS - 1] as const;

/** `first` is when day 0 begins, microseconds since 1970. */
export function rangesFrom(first: number): readonly Range[] {
  const [start, week, last] = CUT_DAYS.map((day) => first + day * DAY) as [number, number, number];
  const evening = 18.5 * HOUR;
  return [
    { name: 'all, by day' },
    { name: 'ends on an hour, by day', from: start + 5 * HOUR, until: last + 19 * HOUR },
    { name: 'all, by day, in a zone of half hours', timezone: HALF_HOURS },
    { name: 'whole days of that zone', from: start + evening, until: last + evening, timezone: HALF_HOURS },
    {
      name: 'ends 50 minutes into an hour, to the microsecond',
      from: start + 50 * MINUTE + 1,
      until: last + 23 * HOUR + 10 * MINUTE + 1,
    },
    { name: 'ends in the middle of an hour', from: start + 30 * MINUTE, until: last + 23 * HOUR + 30 * MINUTE },
    {
      name: 'the last 7 days to the second, by hour',
      from: week + 7 * HOUR + 31 * MINUTE + 17 * SECOND,
      until: last + 23 * HOUR + 29 * MINUTE + 43 * SECOND,
      interval: 'hour',
    },
  ];
}

/** As the API is asked. */
export function queryOf({ from, until, interval, timezone }: Omit<Range, 'name'>): string {
  const query = new URLSearchParams({
    ...(from === undefined ? {} : { from: timeOf(from) }),
    ...(until === undefined ? {} : { to: timeOf(until) }),
    ...(interval === undefined ? {} : { interval }),
    ...(timezone === undefined ? {} : { timezone }),
  });
  return String(query);
}

/** RFC 3339, with the microseconds that a Date has not. */
function timeOf(us: number): string {
  const micros = String(us % 1_000).padStart(3, '0');
  return new Date(Math.floor(us / 1_000)).toISOString().replace('Z', `${micros}Z`);
}
