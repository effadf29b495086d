import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import { type HotEntry, type HotSet, isSameAnswer } from '../entry.ts';
import { nameOf } from '../link-name.ts';
import { plainLink } from './eligibility.ts';

export interface CorrectionsOptions {
  readonly hotSet: Pick<HotSet, 'status'>;
  /**
   * An Envoy without the present hot set may be wrong about these links: their entries were changed or removed, now or earlier, and the
   * links no longer lead where the entries said.
   */
  readonly onCorrection: (corrected: readonly LinkKey[]) => void;
}

/**
 * The links that an Envoy may be wrong about. An Envoy may still answer an entry that was removed from the hot set, so the entry is
 * remembered until no Envoy has it; if the link changes or ends before that, it is a correction. Corrections are collected, so that those
 * made at once are reported at once.
 */
export interface Corrections {
  /** An entry of this link was replaced or removed because it was out of date. */
  add(key: LinkKey): void;
  /** An entry was removed from the hot set, and remains right until then (milliseconds since 1970). */
  removed(entry: HotEntry, goneAtMs: number): void;
  /** Returns and forgets the removed entry of a link that an Envoy may still have: the link is placed again. */
  take(name: string): HotEntry | undefined;
  /** From Watch: the link changed. While what an Envoy may have is right all the same, it is remembered for as long as before. */
  change(record: LinkRecord, nowMs: number): void;
  /** Forgets removed entries that no Envoy has any more; those too many to remember become corrections. */
  settle(): void;
  /** Entries that are about to expire become corrections. */
  expire(nowMs: number): void;
  /** When the first of them is about to expire; infinity: none. */
  firstGoneAtMs(): number;
  /** Changes may be missed from here on: everything remembered becomes a correction. */
  clear(): void;
  tell(): void;
}

const mostRemoved = 10_000;

export function createCorrections({ hotSet, onCorrection }: CorrectionsOptions): Corrections {
  const removed = new Map<string, { readonly entry: HotEntry; readonly goneAtMs: number; readonly outOf: bigint }>();
  let corrected: LinkKey[] = [];

  function take(name: string): HotEntry | undefined {
    const entry = removed.get(name)?.entry;
    removed.delete(name);
    return entry;
  }

  function correct(names: Iterable<string>): void {
    for (const name of names) {
      const entry = take(name);
      if (entry) corrected.push(entry);
    }
  }

  return {
    take,
    add: (key) => void corrected.push(key),
    removed(entry, goneAtMs) {
      removed.set(nameOf(entry), { entry, goneAtMs, outOf: hotSet.status().version });
    },
    change(record, nowMs) {
      const name = nameOf(record);
      const before = removed.get(name);
      if (!before || record.version <= before.entry.version) return;
      const plain = plainLink(record, nowMs);
      const stays = plain && isSameAnswer(plain.entry, before.entry) && plain.goneAtMs >= before.goneAtMs;
      if (stays) removed.set(name, { ...before, entry: plain.entry });
      else correct([name]);
    },
    settle() {
      // An Envoy that connects later needs a newer set before it may answer.
      const has = hotSet.status().acknowledgedVersion;
      for (const [name, { outOf }] of removed) if (has !== undefined && outOf <= has) removed.delete(name);
      correct([...removed.keys()].slice(0, Math.max(0, removed.size - mostRemoved)));
    },
    expire: (nowMs) => correct([...removed].flatMap(([name, { goneAtMs }]) => (goneAtMs <= nowMs ? name : []))),
    firstGoneAtMs: () => [...removed.values()].reduce((first, { goneAtMs }) => Math.min(first, goneAtMs), Infinity),
    clear: () => correct([...removed.keys()]),
    tell() {
      const told = corrected;
      corrected = [];
      if (told.length > 0) onCorrection(told);
    },
  };
}
