import type { Fleet } from './fleet.ts';
import { createNotifier, type Notifier } from './notifier.ts';

/** Whether Envoys may serve the hot set. */
export interface Lease {
  /** From now, in milliseconds; undefined: not any more. The shards that are withheld may not be served all the same. */
  set(ttlMs: number | undefined, withheld: ReadonlySet<string>): void;
  readonly withheld: ReadonlySet<string>;
  /** What is left for an Envoy, in milliseconds; 0: it may not serve. */
  leftFor(node: string): number;
  /** Whether it was set, has not run out, and every Envoy that asks has what it is for. */
  isHeld(): boolean;
  /** Whether an Envoy must be told, that was told `held` at the serial. */
  hasNews(node: string, serial: number, held: boolean): boolean;
  /** Counts what was set. */
  readonly serial: number;
  /** What was set, or what an Envoy has. */
  readonly changed: Notifier;
}

export function createLease(fleet: Fleet, now: () => number): Lease {
  const changed = createNotifier();
  let until = 0;
  let serial = 0;
  let withheld: ReadonlySet<string> = new Set();

  function leftFor(node?: string): number {
    // It may still have the set of another process.
    if (fleet.acknowledged(node) === undefined) return 0;
    return Math.max(0, Math.floor(until - now()));
  }

  return {
    changed,
    leftFor,
    isHeld: () => leftFor() > 0,
    get serial() {
      return serial;
    },
    get withheld() {
      return withheld;
    },
    set(ttlMs, shards) {
      withheld = shards;
      until = ttlMs === undefined ? 0 : now() + ttlMs;
      serial += 1;
      changed.notify();
    },
    hasNews(node, before, held) {
      const may = leftFor(node) > 0;
      return may !== held || (may && serial !== before);
    },
  };
}
