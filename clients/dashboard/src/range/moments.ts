import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { Interval } from './range.ts';

export function millisecondsOf(at: Timestamp | undefined): number {
  return at ? Number(at.seconds) * 1_000 + Math.floor(at.nanos / 1_000_000) : 0;
}

const formats: Readonly<Record<Interval, Intl.DateTimeFormat>> = {
  hour: new Intl.DateTimeFormat(undefined, { weekday: 'short', hour: 'numeric', minute: '2-digit' }),
  day: new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short' }),
  week: new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric' }),
  month: new Intl.DateTimeFormat(undefined, { month: 'long', year: 'numeric' }),
};

/** What a point of a series is called. */
export function pointName(at: number, interval: Interval): string {
  const name = formats[interval].format(at);
  return interval === 'week' ? `Week of ${name}` : name;
}

const time = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit', second: '2-digit' });
const dayAndTime = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: 'numeric',
  minute: '2-digit',
});
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** Today the time, else the day with it. */
export function momentName(at: number, now: number): string {
  const isToday = new Date(at).toDateString() === new Date(now).toDateString();
  return (isToday ? time : dayAndTime).format(at);
}

export const fullMoment = (at: number): string => full.format(at);

const ago = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'short' });
const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

/** "3 hr ago" */
export function sinceThen(at: number, now: number): string {
  for (const [unit, width] of units) {
    if (now - at >= width) return ago.format(-Math.floor((now - at) / width), unit);
  }
  return 'just now';
}
