import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import type { RedirectStatus } from '#runtime/shortlink/link-record.ts';

/** A link that Envoy answers by itself: all that its answer and its click need. */
export interface HotEntry extends LinkKey {
  /** The Location, byte for byte: printable ASCII. */
  readonly destination: string;
  readonly status: RedirectStatus;
  /** The Cache-Control that the resolver would send. */
  readonly cacheControl: string;
  /** A UUID. */
  readonly linkId: string;
  /** A UUID. */
  readonly workspaceId: string;
  /** The version of the record that this entry was made from. */
  readonly version: bigint;
}

/** Whether both lead to the same answers, byte for byte, and to the same clicks but for the version that these name. */
export const isSameAnswer = (a: HotEntry, b: HotEntry): boolean =>
  (Object.keys(a) as (keyof HotEntry)[]).every((field) => field === 'version' || a[field] === b[field]);

export const isSameEntry = (a: HotEntry, b: HotEntry): boolean => a.version === b.version && isSameAnswer(a, b);

/** What Envoy is to answer by itself, and whether it may. No call fails: what cannot be served is refused and counted. */
export interface HotSet {
  /**
   * Adds entries, or replaces those of the same domain and code. An addition is sent shortly after, together with others; a replacement
   * waits for the next push, until it has cost as much as a push (see missed), or for some seconds. Until then Envoy has the old entry: a
   * caller that must not have that served withholds its shard. Returns the entries that are not in the set, because there was no room or
   * Envoy could not answer them.
   */
  put(entries: readonly HotEntry[]): readonly HotEntry[];
  /** Removes entries; sent like replacements. */
  remove(keys: readonly LinkKey[]): void;
  /** This many follows of entries were answered by resolvers because their shards are withheld. */
  missed(follows: number): void;
  /**
   * For how many milliseconds from now the hot set may be served; call it again before that. Undefined ends the lease now. Nothing of the
   * withheld shards (shards.ts) may be served from now on, until a call without them.
   */
  setLease(ttlMs: number | undefined, withheld?: ReadonlySet<string>): void;
  status(): HotSetStatus;
  /**
   * Resolves when every connected Envoy has acknowledged or refused what was put and removed before this call; at once when none is
   * connected. What is waiting is then sent soon.
   */
  acknowledged(): Promise<void>;
}

export interface HotSetStatus {
  readonly entries: number;
  /** The size of the entries as sent. */
  readonly bytes: number;
  /** Grows with every change of the set. */
  readonly version: bigint;
  /** The newest version that every connected Envoy has; undefined when none is connected, or one has no version yet. */
  readonly acknowledgedVersion: bigint | undefined;
  /** Envoys subscribed to the hot set. */
  readonly connected: number;
  /** Hot sets that an Envoy refused (NACKs). */
  readonly nacks: number;
  /** Entries that were left out: they could not be answered, were refused by an Envoy, or did not fit. */
  readonly refused: number;
  readonly pushes: number;
  /** The longest that an Envoy took to answer any of the last hundred pushes, in milliseconds; 0: there was none. */
  readonly slowestPushMs: number;
}
