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
  /** The records of links, from the primary, in no particular order; those that do not exist are left out. Rejects after a timeout. */
  readonly lookup: (keys: readonly LinkKey[]) => Promise<readonly LinkRecord[]>;
  /** Called when more links have to be read. */
  readonly onUnread?: () => void;
}

/**
 * The links that are hot or about to be, each in the newest version that was read or reported. A link is read from the primary while Watch
 * is connected, so that no change falls between the two; an answer that may be older than a reported change is dropped.
 */
export interface TrackedLinks {
  /** Makes links hot if they are plain. */
  track(keys: readonly LinkKey[]): void;
  /** Makes links cold. */
  untrack(names: readonly string[]): void;
  /** From Watch: a committed change. */
  change(change: LinkChange): void;
  /** From Watch: from here on every change is reported. */
  heard(): void;
  /** From Watch: changes may have been missed; everything is read again. */
  gap(): void;
  /** Removes what is about to expire, and forgets what was left out once there is room, or is no longer damped. Call it a few times a second. */
  expire(): void;
  /** The set has no room for these, or cannot hold them. Each stays in the table until something is removed from the set. */
  leftOut(entries: readonly HotEntry[]): void;
  /** Reads what has not been read, with two requests at a time. False: there is more, but Watch is not connected. */
  read(): Promise<boolean>;
  has(name: string): boolean;
  /** Whether an entry of it is in the hot set. */
  isHot(name: string): boolean;
  /** Whether every entry of the hot set was read or changed since the last gap. */
  settled(): boolean;
  /** Links that have not been read. */
  readonly waiting: number;
  /** Links that are hot, or would be if they were plain. */
  readonly size: number;
  names(): Iterable<string>;
}

/** The records of this many links with the longest destinations, titles and tags (18 KB each) fit into one answer (4 MiB). */
const batchSize = 200;
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

/** Each link with its record; one that was not returned does not exist. */
function pair(links: readonly TrackedLink[], answered: readonly LinkRecord[]): Learned[] {
  const records = new Map(answered.map((record) => [nameOf(record), record]));
  return links.map((link) => [link, records.get(nameOf(link.key)) ?? absentRecord(link.key)]);
}

/** The records in a change: a renamed link no longer exists at its old name. */
function recordsOf({ record, previousCode }: LinkChange): LinkRecord[] {
  if (!record) return [];
  if (previousCode === '') return [record];
  return [record, absentRecord({ domain: record.domain, code: previousCode }, record.version)];
}

/** The tracked links for which a change is the newest known, and those where that is unclear: a newer one may have been reported before. */
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
