import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import { type HotEntry, type HotSet, isSameAnswer, isSameEntry } from '../entry.ts';
import { nameOf } from '../link-name.ts';
import type { Corrections } from './corrections.ts';
import { plainLink } from './eligibility.ts';
import { createFlapDamping } from './flap-damping.ts';
import { createLeftOut } from './left-out.ts';
import type { LinkTable, TrackedLink } from './link-table.ts';

export interface PlacementOptions {
  readonly table: LinkTable;
  readonly corrections: Corrections;
  readonly hotSet: Pick<HotSet, 'put' | 'remove'>;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

/** Decides which of the tracked links are in the hot set. corrections.ts keeps track of those that an Envoy may be wrong about. */
export interface Placement {
  /** Puts plain links into the hot set as their records say, and removes the others. */
  place(records: Iterable<readonly [TrackedLink, LinkRecord]>): void;
  /** Removes a link that has changed in an unknown way. */
  doubt(link: TrackedLink): void;
  /** Removes links that were removed from the table. */
  letGo(gone: readonly TrackedLink[]): void;
  /** The set has no room for these, or cannot hold them. Each stays in the table until something is removed from the set. */
  leftOut(entries: readonly HotEntry[]): void;
  /** Removes from the table what was left out once there is room, and what is no longer damped: they may be chosen again. */
  forgetCold(): void;
  /** Removes what is about to expire. */
  expire(): void;
}

export function createPlacement({ table, corrections, hotSet, wallClock }: PlacementOptions): Placement {
  const damping = createFlapDamping();
  const outside = createLeftOut(table);
  /** No link expires before this. */
  let calmUntilMs = Number.POSITIVE_INFINITY;

  function takeOut(links: readonly TrackedLink[]): void {
    const entries = links.flatMap(({ entry }) => entry ?? []);
    for (const link of links) link.entry = undefined;
    if (entries.length === 0) return;
    hotSet.remove(entries);
    outside.roomWasMade();
  }

  function leftOut(entries: readonly HotEntry[]): void {
    const links = entries.flatMap((entry) => {
      const link = table.get(nameOf(entry));
      return link?.entry === entry ? link : [];
    });
    for (const link of links) {
      if (link.entry) corrections.removed(link.entry, link.goneAtMs);
      link.entry = undefined;
    }
    if (entries.length > 0) outside.add(links);
  }

  /** Returns the new entry, if there is one; otherwise removes the old one. */
  function follow(link: TrackedLink, record: LinkRecord, now: number): HotEntry | undefined {
    const name = nameOf(link.key);
    const removed = corrections.take(name);
    const eligible = plainLink(record, now);
    if (isWrong(link.entry ?? removed, eligible?.entry)) {
      corrections.add(link.key);
      damping.corrected(name, now);
    }
    const plain = damping.isDamped(name, now) ? undefined : eligible;
    if (!plain) takeOut([link]);
    const isSame = plain && link.entry && isSameEntry(plain.entry, link.entry);
    link.entry = isSame ? link.entry : plain?.entry;
    link.goneAtMs = plain?.goneAtMs ?? Number.POSITIVE_INFINITY;
    calmUntilMs = Math.min(calmUntilMs, link.goneAtMs);
    return isSame ? undefined : plain?.entry;
  }

  return {
    leftOut,
    place(records) {
      const now = wallClock();
      const entries = [...records].flatMap(([link, record]) => follow(link, record, now) ?? []);
      if (entries.length > 0) leftOut(hotSet.put(entries));
    },
    doubt(link) {
      if (link.entry) corrections.add(link.key);
      takeOut([link]);
    },
    letGo(gone) {
      const hot = gone.flatMap(({ key, entry, ...link }) => (entry ? [{ ...link, key, entry }] : []));
      takeOut(gone);
      for (const link of gone) outside.remove(link);
      for (const link of hot) {
        // Nobody will read any more whether a link has changed since the epoch began.
        if (table.isOfThisEpoch(link)) corrections.removed(link.entry, link.goneAtMs);
        else corrections.add(link.key);
      }
      corrections.settle();
    },
    forgetCold() {
      outside.release();
      for (const name of damping.settle(wallClock())) {
        const link = table.get(name);
        if (!link || link.entry) continue;
        table.remove(link);
        outside.remove(link);
      }
    },
    expire() {
      const now = wallClock();
      corrections.settle();
      if (now < calmUntilMs) return;
      const { over, nextGoneAtMs } = expiring(table, now);
      takeOut(over);
      for (const { key } of over) corrections.add(key);
      corrections.expire(now);
      calmUntilMs = Math.min(nextGoneAtMs, corrections.firstGoneAtMs());
    },
  };
}

/** Whether the answer that an Envoy may have for a link differs from the present one. */
function isWrong(before: HotEntry | undefined, now: HotEntry | undefined): boolean {
  return before !== undefined && !(now && isSameAnswer(now, before));
}

/** The links of the hot set that have to be removed by now, and when the next one has to be. */
function expiring(links: Iterable<TrackedLink>, now: number): { over: TrackedLink[]; nextGoneAtMs: number } {
  const over: TrackedLink[] = [];
  let nextGoneAtMs = Number.POSITIVE_INFINITY;
  for (const link of links) {
    if (!link.entry) continue;
    if (link.goneAtMs <= now) over.push(link);
    else nextGoneAtMs = Math.min(nextGoneAtMs, link.goneAtMs);
  }
  return { over, nextGoneAtMs };
}
