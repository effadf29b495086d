import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import type { HotEntry } from '../entry.ts';
import { nameOf } from '../link-name.ts';

/** A link that is hot or about to be. The table maintains what is known of it, placement.ts what of it is in the hot set. */
export interface TrackedLink {
  readonly key: LinkKey;
  /** The epoch in which the version was learned; if older than the present one, or -1, the link has to be read. */
  epoch: number;
  version: bigint;
  /** How often its version came into doubt. */
  doubts: number;
  /** Whether it is being read. */
  asked: boolean;
  /** Its entry in the hot set. */
  entry: HotEntry | undefined;
  /** When that has to be removed, in milliseconds since 1970; infinity: never. */
  goneAtMs: number;
}

/** Links that are being read. */
interface Question {
  readonly links: readonly TrackedLink[];
  /**
   * Whether an answer that arrives now is still valid for a link. It is not if the link was removed meanwhile (and perhaps added again),
   * was put in doubt by a change that may be newer than the answer, or if a new epoch has begun.
   */
  isOpen(link: TrackedLink): boolean;
  /** To be called whatever the outcome. */
  close(): void;
}

/** What is known of each link, by name. A new epoch begins where changes may have been missed: every link then has to be read again. */
export interface LinkTable {
  get(name: string): TrackedLink | undefined;
  /** Adds a link that has to be read. */
  add(key: LinkKey): void;
  remove(link: TrackedLink): void;
  /**
   * Records a version that was read or reported; false: it is not new. The first one of an epoch is new even if it is lower: the primary
   * may have lost its last changes in a failover.
   */
  learn(link: TrackedLink, version: bigint): boolean;
  /** Whether a reported version can be compared with what is known. */
  isComparable(link: TrackedLink): boolean;
  /** Has the link read again: only the primary knows which of its versions is the newest. */
  doubt(link: TrackedLink): void;
  isOfThisEpoch(link: Pick<TrackedLink, 'epoch'>): boolean;
  startEpoch(): void;
  /** Asks for up to `most` links that have to be read and are not being read yet; undefined: there is none. */
  ask(most: number): Question | undefined;
  readonly unread: ReadonlySet<TrackedLink>;
  readonly size: number;
  names(): Iterable<string>;
  [Symbol.iterator](): Iterator<TrackedLink>;
}

/** `onUnread` is called when more links have to be read. */
export function createLinkTable(onUnread: () => void = () => {}): LinkTable {
  const links = new Map<string, TrackedLink>();
  /** Links that are not of the present epoch. */
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
