import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import { type HotEntry, type HotSet, isSameAnswer, isSameEntry } from '../entry.ts';
import { nameOf } from '../link-name.ts';
import { plainLink } from './eligibility.ts';
import { createFlapDamping } from './flap-damping.ts';
import type { LinkTable, TrackedLink } from './link-table.ts';
import { createPendingRemovals } from './pending-removals.ts';

export interface PlacementOptions {
  readonly table: LinkTable;
  readonly hotSet: Pick<HotSet, 'put' | 'remove' | 'status'>;
  /**
   * An Envoy that has not got what the hot set is by now may be wrong of these: their entries were changed or taken out, now or
   * before, and the links do not lead as those said.
   */
  readonly onCorrection: (corrected: readonly LinkKey[]) => void;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

/**
 * Which of the tracked links are in the hot set, and what Envoys may have of those that are not any more. Corrections are gathered
 * until they are told, so that what happens at once is told at once.
 */
export interface Placement {
  /** Puts what is plain into the hot set as the records say, and takes out what is not. */
  place(records: Iterable<readonly [TrackedLink, LinkRecord]>): void;
  /** A change was told, of any link: what an Envoy may still have of it is wrong. */
  supersede(record: LinkRecord): void;
  /** Takes out a link that an unknown change has happened to. */
  doubt(link: TrackedLink): void;
  /** Takes out links that were removed from the table. */
  letGo(gone: readonly TrackedLink[]): void;
  /** The set has no room for these, or cannot have them. Each keeps its place among the links until something is taken out. */
  leftOut(entries: readonly HotEntry[]): void;
  /** Removes from the table what was left out when there is room, and what is not damped any more: they may be chosen again. */
  forgetCold(): void;
  /** Takes out what is about to expire. */
  expire(): void;
  /** From here on nobody hears of changes to what was taken out. */
  clear(): void;
  tellCorrections(): void;
}

export function createPlacement({ table, hotSet, onCorrection, wallClock }: PlacementOptions): Placement {
  const pendingRemovals = createPendingRemovals(hotSet);
  const damping = createFlapDamping();
  /** Links that the set did not take. */
  const outside = new Set<TrackedLink>();
  /** Something was taken out since. */
  let hasRoom = false;
  let corrected: LinkKey[] = [];
  /** No link expires before this. */
  let calmUntilMs = Number.POSITIVE_INFINITY;

  function takeOut(taken: readonly TrackedLink[]): void {
    const entries = taken.flatMap(({ entry }) => entry ?? []);
    for (const link of taken) link.entry = undefined;
    if (entries.length === 0) return;
    hotSet.remove(entries);
    hasRoom = true;
  }

  function leftOut(entries: readonly HotEntry[]): void {
    for (const entry of entries) {
      const link = table.get(nameOf(entry));
      if (link?.entry !== entry) continue;
      link.entry = undefined;
      pendingRemovals.add(entry, link.goneAtMs);
      outside.add(link);
    }
    if (entries.length > 0) hasRoom = false;
  }

  /** Answers the new entry, if there is one; takes out an old one that has none. */
  function follow(link: TrackedLink, record: LinkRecord, now: number): HotEntry | undefined {
    const name = nameOf(link.key);
    const left = pendingRemovals.take(name);
    // What an Envoy may have of it.
    const before = link.entry ?? left;
    const may = plainLink(record, now);
    if (before && !(may && isSameAnswer(may.entry, before))) {
      corrected.push(link.key);
      damping.corrected(name, now);
    }
    const plain = damping.isDamped(name, now) ? undefined : may;
    if (!plain) takeOut([link]);
    const isSame = plain && link.entry && isSameEntry(plain.entry, link.entry);
    link.entry = isSame ? link.entry : plain?.entry;
    link.goneAtMs = plain?.goneAtMs ?? Number.POSITIVE_INFINITY;
    calmUntilMs = Math.min(calmUntilMs, link.goneAtMs);
    return isSame ? undefined : plain?.entry;
  }

  function forget(cold: Iterable<TrackedLink>): void {
    for (const link of cold) {
      if (link.entry) continue;
      table.remove(link);
      outside.delete(link);
    }
  }

  /** Answers the links that are about to expire, and notes when the next one will be. */
  function expired(now: number): TrackedLink[] {
    const over: TrackedLink[] = [];
    calmUntilMs = Number.POSITIVE_INFINITY;
    for (const link of table) {
      if (!link.entry) continue;
      if (link.goneAtMs <= now) over.push(link);
      else calmUntilMs = Math.min(calmUntilMs, link.goneAtMs);
    }
    return over;
  }

  return {
    leftOut,
    place(records) {
      const now = wallClock();
      const entries: HotEntry[] = [];
      for (const [link, record] of records) {
        const entry = follow(link, record, now);
        if (entry) entries.push(entry);
      }
      if (entries.length > 0) leftOut(hotSet.put(entries));
    },
    supersede(record) {
      corrected.push(...pendingRemovals.change(record));
    },
    doubt(link) {
      if (link.entry) corrected.push(link.key);
      takeOut([link]);
    },
    letGo(gone) {
      const hot = gone.flatMap((link) => (link.entry ? [{ ...link, entry: link.entry }] : []));
      takeOut(gone);
      for (const link of gone) outside.delete(link);
      for (const link of hot) {
        // Whether a link has changed since the epoch began nobody will read any more.
        if (table.isOfThisEpoch(link)) pendingRemovals.add(link.entry, link.goneAtMs);
        else corrected.push(link.key);
      }
      corrected.push(...pendingRemovals.settle());
    },
    forgetCold() {
      if (hasRoom) {
        forget(outside);
        outside.clear();
      }
      forget(damping.settle(wallClock()).flatMap((name) => table.get(name) ?? []));
    },
    expire() {
      const now = wallClock();
      corrected.push(...pendingRemovals.settle());
      if (now < calmUntilMs) return;
      const over = expired(now);
      takeOut(over);
      for (const { key } of over) corrected.push(key);
      corrected.push(...pendingRemovals.expire(now));
      calmUntilMs = Math.min(calmUntilMs, pendingRemovals.firstGoneAtMs());
    },
    clear() {
      corrected.push(...pendingRemovals.clear());
    },
    tellCorrections() {
      const told = corrected;
      corrected = [];
      if (told.length > 0) onCorrection(told);
    },
  };
}
