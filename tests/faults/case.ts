// What a fault case is, and what it says of the mesh.
import type { World, WorldOptions } from './world/world.ts';

export interface FaultCase {
  /** kebab-case, begins with its part: `valkey-killed`. `npm run test:faults -- valkey` runs all that begin so. */
  readonly name: string;
  /** The heading under which it is reported. */
  readonly part: string;
  /** What is done to the mesh. */
  readonly title: string;
  /** One sentence, with figures: what has to hold. */
  readonly criterion: string;
  /** The mesh it needs. Cases that name the same object, one after the other, share one mesh. */
  readonly mesh: WorldOptions;
  /** Does the fault, judges, and leaves the mesh whole. Throws only where the case itself could not be carried out. */
  run(world: World): Promise<Verdict>;
}

export type Verdict = readonly Finding[];

export interface Finding {
  readonly what: string;
  /** As people read it: `>= 99.99`. */
  readonly limit: string;
  readonly measured: number;
  /** %, ms, s; empty for a count. */
  readonly unit: string;
  /** Null where it could not be judged; `limit` says why. */
  readonly ok: boolean | null;
}

/** A finding that holds when the figure is at least the limit. No figure (NaN) never holds. */
export const atLeast = (what: string, measured: number, limit: number, unit = ''): Finding => ({
  what,
  limit: `>= ${tidy(limit)}`,
  measured,
  unit,
  ok: measured >= limit,
});

export const atMost = (what: string, measured: number, limit: number, unit = ''): Finding => ({
  what,
  limit: `<= ${tidy(limit)}`,
  measured,
  unit,
  ok: measured <= limit,
});

export const exactly = (what: string, measured: number, wanted: number, unit = ''): Finding => ({
  what,
  limit: `= ${tidy(wanted)}`,
  measured,
  unit,
  ok: measured === wanted,
});

/** A figure that is shown and neither holds nor fails. */
export const notJudged = (what: string, measured: number, why: string, unit = ''): Finding => ({
  what,
  limit: `not judged: ${why}`,
  measured,
  unit,
  ok: null,
});

/** For reading: at most three decimals, but a share that is not whole is never rounded up to it. */
export function tidy(value: number): string {
  if (!Number.isFinite(value)) return 'none';
  const cut = Math.trunc(value * 1_000) / 1_000;
  return cut.toLocaleString('en', { maximumFractionDigits: 3 });
}
