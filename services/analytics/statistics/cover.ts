/** The source of counts: a rollup, or the clicks themselves. */
export type Unit = 'day' | 'hour' | 'minute' | 'click';

/** A range of time, read from one table. Microseconds since 1970; `until` is exclusive. */
export interface Piece {
  readonly unit: Unit;
  readonly from: number;
  readonly until: number;
  /** It is subtracted: another piece reaches over the end of the range by this much. */
  readonly less?: true;
  /** Another piece counts it at the first of these moments, but it belongs to the second: it is subtracted there and added here. */
  readonly shift?: { readonly from: number; readonly to: number };
}

const widths = { minute: 60_000_000, hour: 3_600_000_000, day: 86_400_000_000 } as const;

export function floorTo(unit: Exclude<Unit, 'click'>, at: number): number {
  return Math.floor(at / widths[unit]) * widths[unit];
}

export function ceilTo(unit: Exclude<Unit, 'click'>, at: number): number {
  return Math.ceil(at / widths[unit]) * widths[unit];
}

/** The coarsest rollup with no row that one of these moments cuts. */
export function coarsestFor(moments: readonly number[]): Unit {
  for (const unit of ['day', 'hour', 'minute'] as const) {
    if (moments.every((moment) => moment % widths[unit] === 0)) return unit;
  }
  return 'click';
}

/**
 * Tiles a range: its middle with the coarsest of the units, its ends with finer ones. Of a day, an hour or a minute cut by an end, the
 * shorter part is read, and added or subtracted from the whole. The sum is the range, each moment counted once.
 */
export function cover(from: number, until: number, units: readonly Unit[]): Piece[] {
  if (from >= until) return [];
  const [unit, ...finer] = units;
  if (unit === undefined || unit === 'click') return [{ unit: 'click', from, until }];
  const inner = { unit, from: nearest(unit, from), until: nearest(unit, until) };
  const atEnds = Math.abs(inner.from - from) + Math.abs(inner.until - until);
  if (inner.from >= inner.until || atEnds >= until - from) return cover(from, until, finer);
  return [
    ...cover(inner.from, from, finer).map(opposite),
    ...cover(from, inner.from, finer),
    inner,
    ...cover(inner.until, until, finer),
    ...cover(until, inner.until, finer).map(opposite),
  ];
}

function nearest(unit: Exclude<Unit, 'click'>, at: number): number {
  return Math.round(at / widths[unit]) * widths[unit];
}

function opposite({ less, ...piece }: Piece): Piece {
  return less ? piece : { ...piece, less: true };
}

/** The given unit and all finer ones. */
export function unitsFrom(unit: Unit): readonly Unit[] {
  const all: readonly Unit[] = ['day', 'hour', 'minute', 'click'];
  return all.slice(all.indexOf(unit));
}
