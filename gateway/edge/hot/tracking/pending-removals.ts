import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import type { HotEntry, HotSet } from '../entry.ts';
import { nameOf } from '../link-name.ts';

/**
 * Entries that were removed from the hot set and perhaps not yet from every Envoy, which may go on answering for them. What a
 * call answers is not remembered any more: its shard has to be withheld.
 */
export interface PendingRemovals {
  /** Just removed from the hot set. */
  add(entry: HotEntry, goneAtMs: number): void;
  /** No longer to be remembered: it is in the hot set again, or withheld. */
  take(name: string): HotEntry | undefined;
  /** By Watch: answers the entry that the change makes wrong. */
  change(record: LinkRecord): HotEntry[];
  /** Forgets those that every Envoy is without. Answers those that are too many to be remembered. */
  settle(): HotEntry[];
  /** Answers those that are about to expire. */
  expire(nowMs: number): HotEntry[];
  /** When the first of them is about to expire; infinity: none. */
  firstGoneAtMs(): number;
  /** Answers all. */
  clear(): HotEntry[];
}

const most = 10_000;

export function createPendingRemovals(hotSet: Pick<HotSet, 'status'>): PendingRemovals {
  const all = new Map<string, { readonly entry: HotEntry; readonly goneAtMs: number; readonly outOf: bigint }>();

  function take(name: string): HotEntry | undefined {
    const entry = all.get(name)?.entry;
    all.delete(name);
    return entry;
  }

  const takeAll = (names: Iterable<string>): HotEntry[] => [...names].flatMap((name) => take(name) ?? []);

  return {
    add(entry, goneAtMs) {
      all.set(nameOf(entry), { entry, goneAtMs, outOf: hotSet.status().version });
    },
    take,
    change(record) {
      const before = all.get(nameOf(record));
      return before && record.version > before.entry.version ? takeAll([nameOf(record)]) : [];
    },
    settle() {
      // An Envoy that comes later has to have a newer set before it may answer.
      const has = hotSet.status().acknowledgedVersion;
      for (const [name, { outOf }] of all) if (has !== undefined && outOf <= has) all.delete(name);
      return takeAll([...all.keys()].slice(0, Math.max(0, all.size - most)));
    },
    expire: (nowMs) => takeAll([...all].flatMap(([name, { goneAtMs }]) => (goneAtMs <= nowMs ? name : []))),
    firstGoneAtMs: () => [...all.values()].reduce((first, { goneAtMs }) => Math.min(first, goneAtMs), Infinity),
    clear: () => takeAll(all.keys()),
  };
}
