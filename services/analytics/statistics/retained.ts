import { cover, floorTo, type Piece, type Unit } from './cover.ts';

/** Since when each kind of data is kept, in microseconds since 1970, at the start of a UTC day. Days and hours are kept for good. */
export interface Retained {
  readonly clicksFrom: number;
  readonly minutesFrom: number;
}

/**
 * Edges and the link's database have their own clocks; in microseconds. Clicks dated further ahead than this are refused, which is less
 * than the days for which partitions are created ahead; a link's clicks are looked for from this long before its creation.
 */
export const clockSlack = 86_400_000_000;

/** The start of the first day that is kept entirely, in microseconds since 1970; now in milliseconds. */
export function retainedFrom(now: number, days: number): number {
  return floorTo('day', (now - days * 86_400_000) * 1_000);
}

/**
 * Tiles a range with the data that is kept. Where minutes are gone, the clicks are read; where the clicks are gone, hours. An hour that the
 * range cuts belongs to the range in which it begins, so adjacent ranges still add up to the whole.
 */
export function coverRetained(from: number, until: number, units: readonly Unit[], retained: Retained): Piece[] {
  const { clicksFrom } = retained;
  const minutesFrom = Math.max(retained.minutesFrom, clicksFrom);
  const part = (lower: number, upper: number, of: readonly Unit[]): Piece[] =>
    cover(Math.max(from, lower), Math.min(until, upper), of);
  const coarse: readonly Unit[] = units.includes('day') ? ['day', 'hour'] : ['hour'];
  const wholeHours = cover(floorTo('hour', from), Math.min(hourOr(until, clicksFrom), clicksFrom), coarse);
  return [
    ...wholeHours,
    ...part(
      clicksFrom,
      minutesFrom,
      units.filter((unit) => unit !== 'minute'),
    ),
    ...part(minutesFrom, Number.POSITIVE_INFINITY, units),
  ];
}

function hourOr(until: number, clicksFrom: number): number {
  return until < clicksFrom ? floorTo('hour', until) : until;
}
