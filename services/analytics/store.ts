import type { SoundBatch } from './ingest/click-batch.ts';
import type { Dimension, Piece } from './statistics/cover.ts';

/** A part of the topic that was read: its clicks, and the offsets it stands between. */
export interface Delivery {
  readonly topic: string;
  readonly partition: number;
  /** The offset that the store must have for the delivery to be taken; undefined: none yet. */
  readonly expected: bigint | undefined;
  /** The offset that it has afterwards. */
  readonly next: bigint;
  readonly batches: readonly SoundBatch[];
  /** Clicks from before this moment are refused, microseconds since 1970. */
  readonly notBeforeUs: number;
  /** Clicks from this moment on are refused, for no clock is that far ahead; absent: none. */
  readonly notAfterUs?: number;
  /** When it is by the clock that both are of. A click is refused only where it agrees with the database's; absent: it does. */
  readonly nowUs?: number;
  /** Of the last message, to know it again. */
  readonly digest?: Uint8Array | undefined;
  /** The entries of so many links are merged with it, at most: it took too long before. Absent: of as many as usual. */
  readonly mergedLinks?: number | undefined;
}

export interface Stored {
  /** Clicks that were not there yet. */
  readonly stored: number;
  /** Clicks that were there already. */
  readonly duplicates: number;
  /** Clicks from before notBeforeUs. */
  readonly expired: number;
  /** Clicks from notAfterUs or later. */
  readonly future: number;
  /** Clicks of links and workspaces that are erased. */
  readonly erased: number;
}

/** The rows of a delivery cannot be stored, now or later: it is the rows, not the store. */
export class RowsRefused extends Error {
  override readonly name = 'RowsRefused';
}

/** The store gave it up after its time; less of it may be stored. */
export class TookTooLong extends Error {
  override readonly name = 'TookTooLong';
}

/** Nothing of several deliveries was stored, and not because of the store: each is to be tried alone. The cause says why. */
export class NotTogether extends Error {
  override readonly name = 'NotTogether';
}

/** What the consumer writes. Everything else that it throws is worth another try. */
export interface ClickStore {
  /** The next offset to read; undefined when nothing was ever stored of the partition. */
  position(topic: string, partition: number): Promise<bigint | undefined>;
  /** The digest of the message in front of the position; undefined where none was left. */
  lastDigest(topic: string, partition: number): Promise<Uint8Array | undefined>;
  /**
   * Stores the clicks, counts those that were not there yet, and moves the offset: all of it or nothing. "overtaken":
   * the offset was not the expected one, somebody else has the partition, and nothing was changed.
   */
  take(delivery: Delivery): Promise<Stored | 'overtaken'>;
  /**
   * The same of several partitions in one transaction: all of it or nothing. None of them is a partition's first. Rejects with
   * NotTogether when one is overtaken or held by somebody else, when there are twins or rows that cannot be stored, and when it takes too long.
   */
  takeTogether(deliveries: readonly Delivery[]): Promise<Stored>;
}

interface VisitorSalt {
  /** 2026-01-31 */
  readonly day: string;
  readonly salt: Uint8Array;
}

export interface SaltStore {
  /** Makes what is missing of these days; answers all that are kept, by day. */
  salts(days: readonly string[]): Promise<VisitorSalt[]>;
  /** Deletes the salts of the days before this one. Answers how many. They stand in a file until rewriteSalts has resolved. */
  destroySaltsBefore(day: string): Promise<number>;
  /** Writes the file anew that deleted salts stand in, where that is owed; rejects when the table is not to be had within a second. */
  rewriteSalts(): Promise<void>;
}

export interface PartitionStore {
  /**
   * Makes the partitions of a UTC day where they are missing; any process, any number at once. "moved": rows of that day
   * stood in the default partition. Rejects when a lock was not to be had within a second: nothing was changed.
   */
  makeDay(day: string): Promise<'made' | 'there' | 'moved'>;
  /** What stands in the default partitions: of which days, and how many rows (100,000 a table at most). */
  strays(): Promise<{ days: readonly string[]; rows: number }>;
  /** Drops the partitions of the days before these; answers how many. Rejects where `now`, milliseconds since 1970, is not what the database's clock says. */
  dropBefore(days: { readonly clicks: string; readonly minutes: string }, now: number): Promise<number>;
}

export interface EraseStore {
  /** From when this resolves, the erasure will be carried out by the next call of run; asking again does no harm. */
  ask(whose: { readonly linkIds: readonly string[]; readonly workspaceIds: readonly string[] }): Promise<void>;
  /**
   * Carries out what was asked for and is not done, in batches, each of them a transaction; goes on where an earlier run was
   * broken off. Answers what it did; rejects when one of these links and workspaces could not be erased, without them: when any could not.
   */
  run(ids?: readonly string[]): Promise<{ links: number; workspaces: number; clicks: number }>;
}

export interface Counts {
  readonly clicks: number;
  readonly visitors: number;
  readonly bots: number;
  readonly botVisitors: number;
}

export interface PointCounts extends Counts {
  /** Which of the starts it belongs to. */
  readonly point: number;
  readonly heads: number;
  readonly prefetches: number;
}

export interface ValueCounts extends Counts {
  readonly dimension: Dimension;
  readonly value: string;
}

export interface TierCounts {
  /** hop.event.v1.Tier */
  readonly tier: number;
  readonly clicks: number;
}

/** What is read for the statistics; from a replica, so what was just stored may be some milliseconds away. */
export interface StatsReader {
  /** Counts by point; a point begins at its start (microseconds since 1970, ascending) and ends where the next begins. */
  points(linkId: string, pieces: readonly Piece[], starts: readonly number[]): Promise<PointCounts[]>;
  /**
   * Of each dimension the values with most clicks, at most `limit`, and under the value "" and "total" what all named
   * values have together.
   */
  values(
    linkId: string,
    pieces: readonly Piece[],
    order: { readonly bots: boolean; readonly limit: number },
  ): Promise<{
    readonly named: ValueCounts[];
    readonly sums: ReadonlyMap<Dimension, Counts>;
  }>;
  /** Where the last `limit` requests from `from` until before `until` (microseconds since 1970) were answered. */
  tiers(
    linkId: string,
    range: { readonly from: number; readonly until: number },
    order: { readonly bots: boolean; readonly limit: number },
  ): Promise<TierCounts[]>;
  /** When a person last followed the link, milliseconds since 1970. */
  lastClickAt(linkId: string): Promise<number | undefined>;
  /** Clicks of people, of the links that have any. */
  totals(linkIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
}

/** Each question by itself; or several that see the same clicks. */
export interface StatsStore extends StatsReader {
  /** The questions are asked one after the other. `read` is run again on the next server when one fails. */
  snapshot<Result>(read: (reader: StatsReader) => Promise<Result>): Promise<Result>;
}

/** A click by itself, without anything that tells who followed. */
export interface ClickRow {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** A sum of ClickFlag values. */
  readonly flags: number;
  readonly country: string;
  readonly region: string;
  readonly city: string;
  readonly device: string;
  readonly browser: string;
  readonly operatingSystem: string;
  readonly referrer: string;
  readonly language: string;
  /** hop.event.v1.Tier */
  readonly tier: number;
}

/** A place in the list of a link's clicks, newest first: behind `skip` clicks of this very microsecond. */
export interface ClickPosition {
  /** Microseconds since 1970. */
  readonly atUs: number;
  readonly skip: number;
}

interface ClickPage {
  readonly clicks: readonly ClickRow[];
  /** Where the next page begins; undefined: there is none. */
  readonly next: ClickPosition | undefined;
}

interface ClickListQuery {
  readonly linkId: string;
  /** No click of the link is older, microseconds since 1970. */
  readonly sinceUs: number;
  readonly from: ClickPosition;
  readonly limit: number;
  /** Bots, HEAD and prefetch as well. */
  readonly everything: boolean;
}

export interface ClickListStore {
  clicks(query: ClickListQuery): Promise<ClickPage>;
}

/** The clicks of one delivery on a link that is watched. */
export interface LiveDelivery {
  readonly linkId: string;
  /** How many clicks there were; of very many, not all are among the clicks. */
  readonly total: number;
  /** Oldest first. */
  readonly clicks: readonly ClickRow[];
}

/** How far each source of deliveries was read, on which primary: another one may number deliveries from further back. */
export interface LivePositions {
  readonly primary: string;
  readonly sources: ReadonlyMap<string, number>;
}

/** What came behind the positions, each delivery once, and the positions after it. */
interface LiveLook {
  readonly deliveries: readonly LiveDelivery[];
  readonly positions: LivePositions;
  /** There may be more already. */
  readonly more: boolean;
}

/** How clicks reach those who watch a link, whichever process stores them. */
export interface LiveStore {
  /** From when this resolves until the lease is over, what is counted of these links is handed on. */
  watch(watcher: string, linkIds: readonly string[], leaseMs: number): Promise<void>;
  /** Where reading begins for one who wants nothing that is past. */
  livePositions(): Promise<LivePositions>;
  /** "replaced": there is another primary, which lacks what it lacks. */
  liveSince(positions: LivePositions): Promise<LiveLook | 'replaced'>;
  /** Deletes what every reader has had the time to read. */
  forgetLive(olderThanMs: number): Promise<void>;
}
