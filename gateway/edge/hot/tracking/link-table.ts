import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import type { HotEntry } from '../entry.ts';
import { nameOf } from '../link-name.ts';

/** A link that is hot or about to be. What is known of it the table writes; what of it is in the hot set, placement.ts. */
export interface TrackedLink {
  readonly key: LinkKey;
  /** In which the version was learned; of an older epoch, or -1: it has to be read. */
  epoch: number;
  version: bigint;
  /** How often it came to be in doubt. */
  doubts: number;
  /** A question for it is under way. */
  asked: boolean;
  /** What of it is in the hot set. */
  entry: HotEntry | undefined;
  /** When that has to be out, in milliseconds since 1970; infinity: it never has. */
  goneAtMs: number;
}

/** Links that are being read. */
interface Question {
  readonly links: readonly TrackedLink[];
  /**
   * Whether an answer that comes now is still good for a link. It is not if the link was removed meanwhile (and perhaps added
   * again), was put in doubt by a change that may be newer than the answer, or if an epoch has begun.
   */
  isOpen(link: TrackedLink): boolean;
  /** To be called whatever comes of it. */
  close(): void;
}

/**
 * How much is known of each link, by name. A new epoch begins where changes may have been missed: then every link has to be
 * read again.
 */
export interface LinkTable {
  get(name: string): TrackedLink | undefined;
  /** Adds a link that has to be read. */
  add(key: LinkKey): void;
  remove(link: TrackedLink): void;
  /**
   * Notes a version that was read or heard of; false: it is no news. The first one of an epoch is news even if it is lower: the
   * primary may have lost its last changes with a failover.
   */
  learn(link: TrackedLink, version: bigint): boolean;
  /** Whether a version that is heard of can be compared with what is known. */
  isComparable(link: TrackedLink): boolean;
  /** Has it read again: only the primary knows which of its versions is the newest. */
  doubt(link: TrackedLink): void;
  isOfThisEpoch(link: Pick<TrackedLink, 'epoch'>): boolean;
  startEpoch(): void;
  /** Asks for so many links that have to be read, at most, and are not asked for yet; undefined: there is none. */
  ask(most: number): Question | undefined;
  readonly unread: ReadonlySet<TrackedLink>;
  readonly size: number;
  names(): Iterable<string>;
  [Symbol.iterator](): Iterator<TrackedLink>;
}

/** `onUnread` is called when there are more links that have to be read. */
export function createLinkTable(onUnread: () => void = () => {}): LinkTable {
  const links = new Map<string, TrackedLink>();
  /** Those whose epoch is not the present one. */
  const unread = new Set<TrackedLink>();
  let epoch = 0;

  function ask(most: number): Question | undefined {
    const asked = [...unread].filter((link) => !link.asked).slice(0, most);
    if (asked.length === 0) return undefined;
    const askedIn = epoch;
    const doubtsBefore = new Map(asked.map((link) => [link, link.doubts]));
    for (const link of asked) link.asked = true;
    return {
      links: asked,
      isOpen: (link) =>
        askedIn === epoch && links.get(nameOf(link.key)) === link && doubtsBefore.get(link) === link.doubts,
      close() {
        for (const link of asked) link.asked = false;
      },
    };
  }

  return {
    ask,
    unread,
    get: (name) => links.get(name),
    add(key) {
      const link = { key, epoch: -1, version: 0n, doubts: 0, asked: false, entry: undefined, goneAtMs: 0 };
      links.set(nameOf(key), link);
      unread.add(link);
      onUnread();
    },
    remove(link) {
      links.delete(nameOf(link.key));
      unread.delete(link);
    },
    learn(link, version) {
      if (link.epoch === epoch && version <= link.version) return false;
      link.epoch = epoch;
      link.version = version;
      unread.delete(link);
      return true;
    },
    // An answer that there is no such link has no version.
    isComparable: (link) => link.epoch === epoch && link.version > 0n,
    doubt(link) {
      link.doubts++;
      link.epoch = -1;
      unread.add(link);
      onUnread();
    },
    isOfThisEpoch: (link) => link.epoch === epoch,
    startEpoch() {
      epoch++;
      for (const link of links.values()) unread.add(link);
      onUnread();
    },
    get size() {
      return links.size;
    },
    names: () => links.keys(),
    [Symbol.iterator]: () => links.values(),
  };
}
