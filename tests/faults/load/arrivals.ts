// When requests are due: fixed before the first is sent, whatever becomes of them.
import { type Kind, kinds } from './ledger.ts';

export interface Arrivals {
  /** Milliseconds after the start, growing. */
  readonly at: Float64Array;
  /** Index in `kinds`. */
  readonly kind: Uint8Array;
}

/** Independent arrivals (exponential gaps) of each kind at its own rate per second. The same seed makes the same arrivals. */
export function planArrivals(rates: Partial<Record<Kind, number>>, durationMs: number, seed = 1): Arrivals {
  const random = generator(seed);
  const total = kinds.reduce((sum, kind) => sum + (rates[kind] ?? 0), 0);
  if (total <= 0) throw new Error('A load needs a rate above zero.');
  const at: number[] = [];
  const kind: number[] = [];
  for (let due = gap(random, total); due < durationMs; due += gap(random, total)) {
    at.push(due);
    kind.push(pick(rates, random() * total));
  }
  return { at: Float64Array.from(at), kind: Uint8Array.from(kind) };
}

const gap = (random: () => number, perSecond: number): number => (-Math.log(1 - random()) * 1_000) / perSecond;

function pick(rates: Partial<Record<Kind, number>>, point: number): number {
  let rest = point;
  for (const [index, kind] of kinds.entries()) {
    rest -= rates[kind] ?? 0;
    if (rest < 0) return index;
  }
  return kinds.findIndex((kind) => (rates[kind] ?? 0) > 0);
}

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
