import type { SoundBatch } from './ingest/click-batch.ts';
import type { Piece } from './statistics/cover.ts';
import type { Dimension } from './statistics/dimensions.ts';
import type { Retained } from './statistics/retained.ts';

/** A part of the topic that was read: its clicks, and the offsets around it. */
export interface Delivery {
  readonly topic: string;
  readonly partition: number;
  /** The offset that the store must have to accept the delivery; undefined: none yet. */
  readonly expected: bigint | undefined;
  /** The offset that it has afterwards. */
  readonly next: bigint;
  readonly batches: readonly SoundBatch[];
  /** Clicks before this moment are refused; microseconds since 1970. */
  readonly notBeforeUs: number;
  /** Clicks from this moment on are refused, since no clock is that far ahead; absent: none are. */
  readonly notAfterUs?: number;
  /** The present time by the clock that both are based on. Clicks are refused only if it agrees with the database's; absent: it does. */
  readonly nowUs?: number;
  /** Of the last message, to recognise it again. */
  readonly digest?: Uint8Array | undefined;
  /** At most this many links' entries are merged with it, because it took too long before. Absent: the usual number. */
  readonly mergedLinks?: number | undefined;
}

export interface Stored {
  /** Clicks that were new. */
  readonly stored: number;
  /** Clicks that already existed. */
  readonly duplicates: number;
  /** Clicks from before notBeforeUs, or of a day that was dropped. */
  readonly expired: number;
  /** Clicks from notAfterUs or later. */
  readonly future: number;
  /** Clicks of links and workspaces that are erased. */
  readonly erased: number;
}

/** The rows of a delivery can never be stored: the fault is theirs, not the store's. */
export class RowsRefused extends Error {
  override readonly name = 'RowsRefused';
}

/** The store aborted it after a timeout; less of it may succeed. */
export class TookTooLong extends Error {
  override readonly name = 'TookTooLong';
}

/** Nothing of several deliveries was stored, and not because of the store: each has to be tried alone. The cause says why. */
export class NotTogether extends Error {
  override readonly name = 'NotTogether';
}

/** The writes of the consumer. Everything else that it throws is worth a retry. */
export interface ClickStore {
  /** The next offset to read; undefined when nothing of the partition was ever stored. */
  position(topic: string, partition: number): Promise<bigint | undefined>;
  /** The positions of all partitions of which something was stored. */
  positions(topic: string): Promise<ReadonlyMap<number, bigint>>;
  /** The digest of the message before the position; undefined if there is none. */
  lastDigest(topic: string, partition: number): Promise<Uint8Array | undefined>;
  /**
   * Stores the clicks, counts the new ones, and moves the offset: all or nothing. "overtaken": the offset was not the expected one, the
   * partition has another owner, and nothing was changed.
   */
  take(delivery: Delivery): Promise<Stored | 'overtaken'>;
  /**
   * The same for several partitions in one transaction: all or nothing. None of them is a partition's first. Rejects with NotTogether when
   * one is overtaken or locked by somebody else, when there are duplicates or rows that cannot be stored, and when it takes too long.
   */
  takeTogether(deliveries: readonly Delivery[]): Promise<Stored>;
}

interface VisitorSalt {
  /** 2026-01-31 */
  readonly day: string;
  readonly salt: Uint8Array;
}

export interface SaltStore {
  /** Creates the missing salts of these days; returns all that are kept, by day. */
  salts(days: readonly string[]): Promise<VisitorSalt[]>;
  /**
   * Deletes the salts of the days before this one, but none that is in use by the database's clock; returns how many. They remain in a file
   * until rewriteSalts has resolved.
   */
  destroySaltsBefore(day: string): Promise<number>;
  /** Rewrites the file that still contains deleted salts, if there are any; rejects when the table cannot be locked within a second. */
  rewriteSalts(): Promise<void>;
}

export interface PartitionStore {
  /**
   * Creates the missing partitions of a UTC day; safe in any number of processes at once. "moved": rows of that day were in the default
   * partition. Rejects when a lock could not be had within a second: nothing was changed.
   */
  makeDay(day: string): Promise<'made' | 'there' | 'moved'>;
  /** What is in the default partitions: which days, and how many rows (100,000 a table at most). */
  strays(): Promise<{ days: readonly string[]; rows: number }>;
  /**
   * Drops the partitions of the days before these, and remembers that it did; returns how many. Rejects if `now`, in milliseconds since
   * 1970, disagrees with the database's clock.
   */
  dropBefore(days: { readonly clicks: string; readonly minutes: string }, now: number): Promise<number>;
}

export interface EraseStore {
  /** Once this resolves, the erasure will be carried out by the next call of run; repeating it is harmless. */
  ask(whose: { readonly linkIds: readonly string[]; readonly workspaceIds: readonly string[] }): Promise<void>;
  /**
   * Carries out what was requested and is not done, in batches of one transaction each; continues an interrupted run. Returns what it did;
   * rejects when one of these links and workspaces could not be erased, or, without ids, when any could not.
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
  /** The index of its start. */
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

/** The reads of the statistics; from a replica, so what was just stored may be missing for some milliseconds. */
export interface StatsReader {
  /** Counts by point; a point begins at its start (microseconds since 1970, ascending) and ends where the next begins. */
  points(linkId: string, pieces: readonly Piece[], starts: readonly number[]): Promise<PointCounts[]>;
  /** For each dimension the values with most clicks, at most `limit`, and under the value "" and "total" the sum of all named values. */
  values(
    linkId: string,
    pieces: readonly Piece[],
    order: { readonly bots: boolean; readonly limit: number },
  ): Promise<{
    readonly named: ValueCounts[];
    readonly sums: ReadonlyMap<Dimension, Counts>;
  }>;
  /** The tiers that answered the last `limit` requests from `from` until before `until` (microseconds since 1970). */
  tiers(
    linkId: string,
    range: { readonly from: number; readonly until: number },
    order: { readonly bots: boolean; readonly limit: number },
  ): Promise<TierCounts[]>;
  /** When a person last followed the link, milliseconds since 1970. */
  lastClickAt(linkId: string): Promise<number | undefined>;
  /** Clicks of people, for the links that have any. */
  totals(linkIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
}

/** Single queries, or several on one snapshot. */
export interface StatsStore extends StatsReader {
  /** What earlier runs of the retention have left. */
  retained(): Promise<Retained>;
  /** The queries run one after another. `read` is run again on the next server when one fails. */
  snapshot<Result>(read: (reader: StatsReader) => Promise<Result>): Promise<Result>;
}

/** A single click, without anything that identifies the person. */
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

/** A position in the list of a link's clicks, newest first: after `skip` clicks of this very microsecond. */
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
  /** No click of the link is older; microseconds since 1970. */
  readonly sinceUs: number;
  readonly from: ClickPosition;
  readonly limit: number;
  /** Includes bots, HEAD and prefetch. */
  readonly everything: boolean;
}

export interface ClickListStore {
  clicks(query: ClickListQuery): Promise<ClickPage>;
}

/** The clicks of one delivery on a watched link. */
export interface LiveDelivery {
  readonly linkId: string;
  /** How many clicks there were; if very many, only some of them are in `clicks`. */
  readonly total: number;
  /** Oldest first. */
  readonly clicks: readonly ClickRow[];
}

/** How far each source of deliveries was read, on which primary: another one may number deliveries from further back. */
export interface LivePositions {
  readonly primary: string;
  readonly sources: ReadonlyMap<string, number>;
}

/** What came after the positions, each delivery once, and the positions after it. */
interface LiveLook {
  readonly deliveries: readonly LiveDelivery[];
  readonly positions: LivePositions;
  /** There may be more already. */
  readonly more: boolean;
}

/** Brings clicks to the watchers of a link, whichever process stores them. */
export interface LiveStore {
  /** From when this resolves until the lease expires, clicks counted for these links are passed on. */
  watch(watcher: string, linkIds: readonly string[], leaseMs: number): Promise<void>;
  /** Where a reader begins who wants nothing from the past. */
  livePositions(): Promise<LivePositions>;
  /** "replaced": there is another primary, which may lack deliveries. */
  liveSince(positions: LivePositions): Promise<LiveLook | 'replaced'>;
  /** Deletes what every reader has had time to read. */
  forgetLive(olderThanMs: number): Promise<void>;
}
