import type { LinkChange, LinkRecord } from '#gen/link/v1/change_pb.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import { absentRecord } from '#runtime/shortlink/link-record.ts';
import type { HotEntry, HotSet } from '../entry.ts';
import { nameOf } from '../link-name.ts';
import { type CorrectionsOptions, createCorrections } from './corrections.ts';
import { createLinkTable, type LinkTable, type TrackedLink } from './link-table.ts';
import { createPlacement, type PlacementOptions } from './placement.ts';

export interface TrackedLinksOptions extends CorrectionsOptions, Omit<PlacementOptions, 'table' | 'corrections'> {
  readonly hotSet: Pick<HotSet, 'put' | 'remove' | 'status'>;
  /** The records of links, from the primary, in no order; those that do not exist are left out. Rejects in time. */
  readonly lookup: (keys: readonly LinkKey[]) => Promise<readonly LinkRecord[]>;
  /** There are more links that have to be read. */
  readonly onUnread?: () => void;
}

/**
 * The links that are hot or about to be, each as the newest of what was read and what was heard of it. A link is read
 * from the primary while Watch is heard, so that no change falls between the reading and the hearing; an answer that may be
 * older than a change already heard is dropped.
 */
export interface TrackedLinks {
  /** Makes them hot, if they are plain. */
  track(keys: readonly LinkKey[]): void;
  /** They are hot no more. */
  untrack(names: readonly string[]): void;
  /** By Watch: a committed change. */
  change(change: LinkChange): void;
  /** By Watch: from here on every change is heard. */
  heard(): void;
  /** By Watch: changes may have been missed; everything is read again. */
  gap(): void;
  /**
   * Takes out what is about to expire, and lets go of what was left out when there is room, or is not damped any more.
   * To be called a few times a second.
   */
  expire(): void;
  /** The set has no room for these, or cannot have them. Each keeps its place among the links until something is taken out. */
  leftOut(entries: readonly HotEntry[]): void;
  /** Reads what has not been read, by two questions at a time. False: there is more, but Watch is not heard. */
  read(): Promise<boolean>;
  has(name: string): boolean;
  /** Whether something of it is in the hot set. */
  isHot(name: string): boolean;
  /** Every entry of the hot set was read, or changed, since the last gap. */
  settled(): boolean;
  /** Links that have not been read. */
  readonly waiting: number;
  /** Links that are hot or would be if they were plain. */
  readonly size: number;
  names(): Iterable<string>;
}

/** The records of so many links with the longest destinations fit into one answer (4 MiB). */
const batchSize = 250;
const lanes = 2;

type Learned = readonly [TrackedLink, LinkRecord];

export function createTrackedLinks({ lookup, onUnread, ...options }: TrackedLinksOptions): TrackedLinks {
  const table = createLinkTable(onUnread);
  const corrections = createCorrections(options);
  const placement = createPlacement({ table, corrections, ...options });
  let hearing = false;

  function learn(records: readonly Learned[]): void {
    placement.place(records.filter(([link, { version }]) => table.learn(link, version)));
    corrections.tell();
  }

  async function readInLane(): Promise<void> {
    while (hearing) {
      const question = table.ask(batchSize);
      if (!question) return;
      try {
        const records = await lookup(question.links.map(({ key }) => key));
        learn(pair(question.links.filter(question.isOpen), records));
      } finally {
        question.close();
      }
    }
  }

  return {
    track(keys) {
      for (const key of keys) if (!table.get(nameOf(key))) table.add(key);
    },
    untrack(names) {
      const gone = names.flatMap((name) => table.get(name) ?? []);
      for (const link of gone) table.remove(link);
      placement.letGo(gone);
      corrections.tell();
    },
    leftOut: placement.leftOut,
    change(change) {
      const told = recordsOf(change);
      const now = options.wallClock();
      for (const record of told) corrections.change(record, now);
      const { comparable, doubtful } = compare(table, told);
      for (const link of doubtful) {
        placement.doubt(link);
        table.doubt(link);
      }
      learn(comparable);
    },
    heard() {
      hearing = true;
    },
    gap() {
      hearing = false;
      table.startEpoch();
      corrections.clear();
      corrections.tell();
    },
    expire() {
      placement.forgetCold();
      placement.expire();
      corrections.tell();
    },
    async read() {
      await Promise.all(Array.from({ length: lanes }, readInLane));
      return hearing;
    },
    has: (name) => table.get(name) !== undefined,
    isHot: (name) => table.get(name)?.entry !== undefined,
    settled() {
      if (!hearing) return false;
      for (const { entry } of table.unread) if (entry) return false;
      return true;
    },
    get waiting() {
      return table.unread.size;
    },
    get size() {
      return table.size;
    },
    names: table.names,
  };
}

/** Each link with its record; one that was not answered does not exist. */
function pair(links: readonly TrackedLink[], answered: readonly LinkRecord[]): Learned[] {
  const records = new Map(answered.map((record) => [nameOf(record), record]));
  return links.map((link) => [link, records.get(nameOf(link.key)) ?? absentRecord(link.key)]);
}

/** What a change says: a link that was renamed is no longer at its old name. */
function recordsOf({ record, previousCode }: LinkChange): LinkRecord[] {
  if (!record) return [];
  if (previousCode === '') return [record];
  return [record, absentRecord({ domain: record.domain, code: previousCode }, record.version)];
}

/** Which tracked links a change is the newest of that is known, and which it may or may not be: a newer one may have been told before. */
function compare(table: LinkTable, told: readonly LinkRecord[]): { comparable: Learned[]; doubtful: TrackedLink[] } {
  const links = told.flatMap((record) => {
    const link = table.get(nameOf(record));
    return link ? [[link, record] as const] : [];
  });
  return {
    comparable: links.filter(([link]) => table.isComparable(link)),
    doubtful: links.filter(([link]) => !table.isComparable(link)).map(([link]) => link),
  };
}
