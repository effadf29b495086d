import { LRUCache } from 'lru-cache';
import { entryOf } from '../map-entry.ts';

export const intervals = ['minute', 'hour', 'day', 'week', 'month'] as const;
export type Interval = (typeof intervals)[number];

/** Where days, weeks and months begin. Times are milliseconds since 1970. */
export interface Zone {
  /** Clock time less UTC. */
  offsetAt(at: number): number;
  /** The start of the interval that the moment lies in. */
  startOf(interval: Interval, at: number): number;
  /** The start of the interval after the one that begins at the moment. */
  next(interval: Interval, start: number): number;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const mondayOffset = 3; // 1970-01-01 was a Thursday.

/** By their names in requests, which anyone may write in thousands of ways: in any case. */
const named = new LRUCache<string, Zone>({ max: 32 });
/** By their names as they are written. There are some 600, each of at most 90 KB: all are kept, since finding one's offsets takes long. */
const known = new Map<string, Zone>();

/** An IANA zone; undefined if there is none of that name. */
export function zoneOf(name: string): Zone | undefined {
  const found = named.get(name);
  if (found) return found;
  const made = makeZone(name);
  if (made) named.set(name, made);
  return made;
}

function makeZone(name: string): Zone | undefined {
  if (name === 'UTC') return zoneWith(() => 0);
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    return undefined;
  }
  const offsetAt = (at: number): number => clockTime(format, at) - Math.floor(at / 1_000) * 1_000;
  const { timeZone } = format.resolvedOptions();
  if (/^[+-]/.test(timeZone)) return zoneWith(constantly(offsetAt(0)));
  return entryOf(known, timeZone, () => zoneWith(remembering(offsetAt)));
}

const constantly =
  (offset: number): Zone['offsetAt'] =>
  () =>
    offset;

/** Less than the seven days that are at least between two changes of a clock (all zones since 1970). */
const stretch = 4 * day;
/** Further than any range reaches. */
const lastStretch = Math.ceil(Date.UTC(2201, 0) / stretch);
/** More than any offset. */
const notFound = 2 * day;

/** Formatting costs 3 us, and a series of days needs some five per day: so it is done once for each stretch without a change. */
function remembering(offsetAt: Zone['offsetAt']): Zone['offsetAt'] {
  // What is before 1970, or too late, is not kept.
  const offsets = new Int32Array(lastStretch + 1).fill(notFound);
  const atStart = (index: number): number => {
    const held = offsets[index];
    if (held !== undefined && held !== notFound) return held;
    const offset = offsetAt(index * stretch);
    offsets[index] = offset;
    return offset;
  };
  return (at) => {
    const index = Math.floor(at / stretch);
    const offset = atStart(index);
    return offset === atStart(index + 1) ? offset : offsetAt(at);
  };
}

function clockTime(format: Intl.DateTimeFormat, at: number): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(at)) parts[type] = Number(value);
  const { year = 0, month = 1, day: date = 1, hour: hours = 0, minute: minutes = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, date, hours, minutes, second);
}

function zoneWith(offsetAt: (at: number) => number): Zone {
  const clockFloor = (at: number, width: number): number => at - modulo(at + offsetAt(at), width);

  // The first moment of a calendar day, given as its midnight in UTC. Near a change of the clock there are two candidates; if midnight does
  // not exist, the day begins where the clock jumps over it.
  const startOfDate = (midnight: number): number => {
    const candidates = [midnight - offsetAt(midnight - day), midnight - offsetAt(midnight + day)].sort((a, b) => a - b);
    return candidates.find((at) => at + offsetAt(at) >= midnight) ?? midnight - offsetAt(midnight);
  };
  const dateOf = (interval: Interval, at: number): number => {
    const midnight = Math.floor((at + offsetAt(at)) / day) * day;
    if (interval === 'week') return midnight - modulo(midnight / day + mondayOffset, 7) * day;
    if (interval !== 'month') return midnight;
    const date = new Date(midnight);
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
  };
  const after = (interval: Interval, midnight: number): number => {
    if (interval === 'day') return midnight + day;
    if (interval === 'week') return midnight + 7 * day;
    const date = new Date(midnight);
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
  };

  return {
    offsetAt,
    startOf(interval, at) {
      if (interval === 'minute') return clockFloor(at, minute);
      if (interval === 'hour') return clockFloor(at, hour);
      return startOfDate(dateOf(interval, at));
    },
    next(interval, start) {
      if (interval === 'minute') return start + minute;
      // If the clock changes by half an hour, a point is shorter or longer.
      if (interval === 'hour') return clockFloor(start + hour, hour);
      let date = dateOf(interval, start);
      let next = start;
      // A day that a zone skipped would begin with the next one.
      while (next <= start) {
        date = after(interval, date);
        next = startOfDate(date);
      }
      return next;
    },
  };
}

function modulo(value: number, width: number): number {
  return ((value % width) + width) % width;
}
