import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import { type HotEntry, type HotSet, isSameAnswer } from '../entry.ts';
import { nameOf } from '../link-name.ts';
import { plainLink } from './eligibility.ts';

export interface CorrectionsOptions {
  readonly hotSet: Pick<HotSet, 'status'>;
  /**
   * An Envoy that has not got what the hot set is by now may be wrong of these: their entries were changed or removed, now or
   * before, and the links do not lead as those said.
   */
  readonly onCorrection: (corrected: readonly LinkKey[]) => void;
}

/**
 * For which links an Envoy may be wrong. An entry that was removed from the hot set may still be answered by an Envoy, so it is
 * remembered until every Envoy is without it; if the link changes or ends before that, it is a correction. Corrections are
 * gathered until they are told, so that what happens at once is told at once.
 */
export interface Corrections {
  /** An entry of this link was replaced or removed because it was wrong. */
  add(key: LinkKey): void;
  /** An entry was removed from the hot set, and is right until then (milliseconds since 1970). */
  removed(entry: HotEntry, goneAtMs: number): void;
  /** What an Envoy may still have of a link that was removed; no longer to be remembered, as the link is followed again. */
  take(name: string): HotEntry | undefined;
  /** By Watch: the link changed. It is remembered on where what an Envoy may have is right all the same, and for as long. */
  change(record: LinkRecord, nowMs: number): void;
  /** Forgets removed entries that every Envoy is without; those that are too many to be remembered are corrections. */
  settle(): void;
  /** Those that are about to expire are corrections. */
  expire(nowMs: number): void;
  /** When the first of them is about to expire; infinity: none. */
  firstGoneAtMs(): number;
  /** Changes may be missed from here on: all that is remembered is a correction. */
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
      // An Envoy that comes later has to have a newer set before it may answer.
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
