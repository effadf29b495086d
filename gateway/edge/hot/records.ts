import type { LinkChange, LinkRecord } from '#gen/link/v1/change_pb.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import { absentRecord } from '#runtime/shortlink/link-record.ts';
import { plainLink } from './eligibility.ts';
import { type HotEntry, type HotSet, isSameAnswer, isSameEntry } from './entry.ts';
import { createLeaving } from './leaving.ts';
import { nameOf } from './link-name.ts';
import { createRestless } from './restless.ts';

export interface RecordsOptions {
  readonly hotSet: Pick<HotSet, 'put' | 'remove' | 'status'>;
  /** The records of links, from the primary, in no order; those that do not exist are left out. Rejects in time. */
  readonly lookup: (keys: readonly LinkKey[]) => Promise<readonly LinkRecord[]>;
  /**
   * An Envoy that has not got what the hot set is by now may be wrong of these: their entries were changed or taken out, now or
   * before, and the links do not lead as those said.
   */
  readonly onCorrection: (corrected: readonly LinkKey[]) => void;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

/**
 * The links that are hot or about to be, each as the newest of what was read and what was heard of it. A link is read
 * from the primary while Watch is heard, so that no change falls between the reading and the hearing; an answer that may be
 * older than a change already heard is dropped.
 */
export interface Records {
  /** Makes them hot, if they are plain. */
  want(keys: readonly LinkKey[]): void;
  /** They are hot no more. */
  forget(names: readonly string[]): void;
  /** By Watch: a committed change. */
  change(change: LinkChange): void;
  /** By Watch: from here on every change is heard. */
  heard(): void;
  /** By Watch: changes may have been missed; everything is read again. */
  gap(): void;
  /**
   * Takes out what is about to expire, and lets go of what was left out when there is room, or was restless and is not any more.
   * To be called a few times a second.
   */
  expire(): void;
  /** The set has no room for these, or cannot have them. Each keeps its place among the links until something is taken out. */
  leftOut(entries: readonly HotEntry[]): void;
  /** Reads what has not been read, by two questions at a time. False: there is more, but Watch is not heard. */
  read(): Promise<boolean>;
  has(name: string): boolean;
  /** Every entry of the hot set was read, or changed, since the last gap. */
  settled(): boolean;
  /** Links that have not been read. */
  readonly waiting: number;
  /** Links that are hot or would be if they were plain. */
  readonly size: number;
  names(): Iterable<string>;
}

interface Link {
  readonly key: LinkKey;
  /** In which the version was learned; of an older epoch, or -1: it has to be read. */
  epoch: number;
  version: bigint;
  entry: HotEntry | undefined;
  goneAtMs: number;
  asked: boolean;
  /** Changes that were told before anything was known of it. */
  told: number;
}

/** The records of so many links with the longest destinations fit into one answer (4 MiB). */
const batchSize = 250;
const lanes = 2;

export function createRecords({ hotSet, lookup, onCorrection, wallClock }: RecordsOptions): Records {
  const links = new Map<string, Link>();
  /** Those whose epoch is not the present one. */
  const unread = new Set<Link>();
  const leaving = createLeaving(hotSet);
  /** Links that the set did not take. */
  const outside = new Set<Link>();
  const restless = createRestless();
  /** Something was taken out since. */
  let hasRoom = false;
  let epoch = 0;
  let hearing = false;
  let corrected: LinkKey[] = [];
  /** No link expires before this. */
  let calmUntilMs = Number.POSITIVE_INFINITY;

  function takeOut(taken: readonly Link[]): void {
    const entries = taken.flatMap(({ entry }) => entry ?? []);
    for (const link of taken) link.entry = undefined;
    if (entries.length === 0) return;
    hotSet.remove(entries);
    hasRoom = true;
  }

  function leftOut(entries: readonly HotEntry[]): void {
    for (const entry of entries) {
      const link = links.get(nameOf(entry));
      if (link?.entry !== entry) continue;
      link.entry = undefined;
      leaving.add(entry, link.goneAtMs);
      outside.add(link);
    }
    if (entries.length > 0) hasRoom = false;
  }

  /** Whoever chooses may choose them again. */
  function forgetCold(cold: Iterable<Link>): void {
    for (const link of cold) {
      if (link.entry) continue;
      links.delete(nameOf(link.key));
      unread.delete(link);
      outside.delete(link);
    }
  }

  /** Answers the new entry, if there is one; takes out an old one that has none. */
  function learn(link: Link, record: LinkRecord): HotEntry | undefined {
    // After a gap even a lower version counts: the primary may have lost its last changes with a failover.
    if (link.epoch === epoch && record.version <= link.version) return undefined;
    link.epoch = epoch;
    link.version = record.version;
    unread.delete(link);
    const name = nameOf(link.key);
    const now = wallClock();
    const left = leaving.take(name);
    // What an Envoy may have of it.
    const before = link.entry ?? left;
    const may = plainLink(record, now);
    if (before && !(may && isSameAnswer(may.entry, before))) {
      corrected.push(link.key);
      restless.corrected(name, now);
    }
    const plain = restless.has(name, now) ? undefined : may;
    const isSame = plain && link.entry && isSameEntry(plain.entry, link.entry);
    if (!plain) takeOut([link]);
    link.entry = isSame ? link.entry : plain?.entry;
    link.goneAtMs = plain?.goneAtMs ?? Number.POSITIVE_INFINITY;
    calmUntilMs = Math.min(calmUntilMs, link.goneAtMs);
    return isSame ? undefined : plain?.entry;
  }

  function learnAll(pairs: Iterable<readonly [Link, LinkRecord]>): void {
    const entries: HotEntry[] = [];
    for (const [link, record] of pairs) {
      const entry = learn(link, record);
      if (entry) entries.push(entry);
    }
    if (entries.length > 0) leftOut(hotSet.put(entries));
    tellCorrected();
  }

  function tellCorrected(): void {
    const told = corrected;
    corrected = [];
    if (told.length > 0) onCorrection(told);
  }

  /** Takes out what is not wanted any more. */
  function letGo(gone: readonly Link[]): void {
    const hot = gone.flatMap((link) => (link.entry ? [{ ...link, entry: link.entry }] : []));
    takeOut(gone);
    for (const { key, entry, goneAtMs, epoch: learnedIn } of hot) {
      // Whether a link has changed since the last gap nobody will read any more.
      if (learnedIn === epoch) leaving.add(entry, goneAtMs);
      else corrected.push(key);
    }
    corrected.push(...leaving.settle());
    tellCorrected();
  }

  async function ask(asked: readonly Link[]): Promise<void> {
    const askedIn = epoch;
    const toldBefore = new Map(asked.map((link) => [link, link.told]));
    for (const link of asked) link.asked = true;
    try {
      const records = new Map((await lookup(asked.map(({ key }) => key))).map((record) => [nameOf(record), record]));
      // What was forgotten meanwhile, and perhaps wanted again, may have missed a change, and the answer may be from before
      // one that was told: it is asked for anew.
      const present = (link: Link): boolean =>
        askedIn === epoch && links.get(nameOf(link.key)) === link && toldBefore.get(link) === link.told;
      const recordOf = ({ key }: Link): LinkRecord => records.get(nameOf(key)) ?? absentRecord(key);
      learnAll(asked.filter(present).map((link) => [link, recordOf(link)] as const));
    } finally {
      for (const link of asked) link.asked = false;
    }
  }

  return {
    want(keys) {
      for (const key of keys) {
        const name = nameOf(key);
        if (links.has(name)) continue;
        const link = { key, epoch: -1, version: 0n, entry: undefined, goneAtMs: 0, asked: false, told: 0 };
        links.set(name, link);
        unread.add(link);
      }
    },
    forget(names) {
      const gone = names.flatMap((name) => links.get(name) ?? []);
      for (const link of gone) {
        links.delete(nameOf(link.key));
        unread.delete(link);
        outside.delete(link);
      }
      letGo(gone);
    },
    leftOut,
    change({ record, previousCode }) {
      if (!record) return;
      const told = [record];
      if (previousCode !== '') told.push(absentRecord({ domain: record.domain, code: previousCode }, record.version));
      learnAll(
        told.flatMap((each) => {
          corrected.push(...leaving.change(each));
          const link = links.get(nameOf(each));
          if (!link) return [];
          if (link.epoch === epoch && link.version > 0n) return [[link, each] as const];
          // A newer change may have been told before the link was wanted or read again, or be in the answer that there is no such
          // link, which has no version: only the primary knows which is the newest.
          if (link.entry) corrected.push(link.key);
          takeOut([link]);
          link.told++;
          link.epoch = -1;
          unread.add(link);
          return [];
        }),
      );
    },
    heard() {
      hearing = true;
    },
    gap() {
      hearing = false;
      epoch++;
      for (const link of links.values()) unread.add(link);
      // Nobody reads these again.
      corrected.push(...leaving.clear());
      tellCorrected();
    },
    expire() {
      const now = wallClock();
      if (hasRoom) {
        forgetCold(outside);
        outside.clear();
      }
      forgetCold(restless.settle(now).flatMap((name) => links.get(name) ?? []));
      corrected.push(...leaving.settle());
      if (now < calmUntilMs) return tellCorrected();
      const over: Link[] = [];
      calmUntilMs = Number.POSITIVE_INFINITY;
      for (const link of links.values()) {
        if (!link.entry) continue;
        if (link.goneAtMs <= now) over.push(link);
        else calmUntilMs = Math.min(calmUntilMs, link.goneAtMs);
      }
      takeOut(over);
      for (const { key } of over) corrected.push(key);
      corrected.push(...leaving.expire(now));
      calmUntilMs = Math.min(calmUntilMs, leaving.firstGoneAtMs());
      tellCorrected();
    },
    async read() {
      const lane = async (): Promise<void> => {
        while (hearing) {
          const next = [...unread].filter(({ asked }) => !asked).slice(0, batchSize);
          if (next.length === 0) return;
          await ask(next);
        }
      };
      await Promise.all(Array.from({ length: lanes }, lane));
      return hearing;
    },
    has: (name) => links.has(name),
    settled() {
      if (!hearing) return false;
      for (const { entry } of unread) if (entry) return false;
      return true;
    },
    get waiting() {
      return unread.size;
    },
    get size() {
      return links.size;
    },
    names: () => links.keys(),
  };
}
