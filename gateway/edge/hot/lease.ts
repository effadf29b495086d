import type { Fleet } from './fleet.ts';
import { createNotifier, type Notifier } from './notifier.ts';

/** Whether Envoys may serve the hot set. */
export interface Lease {
  /** From now, in milliseconds; undefined ends it. Withheld shards may not be served in any case. */
  set(ttlMs: number | undefined, withheld: ReadonlySet<string>): void;
  readonly withheld: ReadonlySet<string>;
  /** What is left for an Envoy, in milliseconds; 0: it may not serve. */
  leftFor(node: string): number;
  /** Whether it was set, has not expired, and every subscribed Envoy has the set that it is for. */
  isHeld(): boolean;
  /** Whether there is news for an Envoy that was last told `held` at this serial. */
  hasNews(node: string, serial: number, held: boolean): boolean;
  /** Counts the calls of set. */
  readonly serial: number;
  /** Notifies when the lease, or an Envoy's version, changes. */
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
