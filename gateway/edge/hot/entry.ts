import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import type { RedirectStatus } from '#runtime/shortlink/link-record.ts';

/** A link whose follows Envoy answers by itself: all that its answer and its click need. */
export interface HotEntry extends LinkKey {
  /** The Location, byte for byte: printable ASCII. */
  readonly destination: string;
  readonly status: RedirectStatus;
  /** The Cache-Control, as the resolver would say it. */
  readonly cacheControl: string;
  /** A UUID. */
  readonly linkId: string;
  /** A UUID. */
  readonly workspaceId: string;
  /** The version of the record that this was made from. */
  readonly version: bigint;
}

/** Whether the answers of both are the same, byte for byte, and so are their clicks, but for the version that these name. */
export const isSameAnswer = (a: HotEntry, b: HotEntry): boolean =>
  (Object.keys(a) as (keyof HotEntry)[]).every((field) => field === 'version' || a[field] === b[field]);

export const isSameEntry = (a: HotEntry, b: HotEntry): boolean => a.version === b.version && isSameAnswer(a, b);

/** What Envoy is to answer by itself, and whether it may. No call fails: what cannot be served is refused and counted. */
export interface HotSet {
  /**
   * Adds entries, or replaces those of the same domain and code. What is added is sent shortly after, many at once; what is replaced waits for
   * that, or until it has cost as much as a push (missed), or for some seconds. Until then Envoy has what it had: a caller that needs
   * that not to be served withholds its shard. Answers those that are not in the set: there is no room, or Envoy could not answer them.
   */
  put(entries: readonly HotEntry[]): readonly HotEntry[];
  /** Takes entries out; sent as what is replaced. */
  remove(keys: readonly LinkKey[]): void;
  /** So many follows of entries were answered by resolvers, for their shards are withheld. */
  missed(follows: number): void;
  /**
   * How long from now the hot set may be served, in milliseconds; to be called again before that. Undefined lets the
   * lease lapse now. Of the shards that are withheld (shards.ts) nothing may be served from now on, until a call without them.
   */
  setLease(ttlMs: number | undefined, withheld?: ReadonlySet<string>): void;
  status(): HotSetStatus;
  /**
   * Settles when every connected Envoy has acknowledged, or refused, what was put and removed before this call; at once
   * when none is connected. What waits is sent soon.
   */
  acknowledged(): Promise<void>;
}

export interface HotSetStatus {
  readonly entries: number;
  /** What the entries take as they are sent. */
  readonly bytes: number;
  /** Grows with every change of the set. */
  readonly version: bigint;
  /** The newest version that every connected Envoy has; undefined when none is connected, or one has none yet. */
  readonly acknowledgedVersion: bigint | undefined;
  /** Envoys that ask for the hot set. */
  readonly connected: number;
  /** Hot sets that an Envoy refused. */
  readonly nacks: number;
  /** Entries that were left out: they could not be answered, were refused by an Envoy, or did not fit. */
  readonly refused: number;
  readonly pushes: number;
  /** The longest that an Envoy took to answer to one of the last hundred that it was sent, in milliseconds; 0: none was sent. */
  readonly slowestPushMs: number;
}
