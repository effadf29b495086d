import type { ChangeKind, LinkRecord } from '#gen/link/v1/change_pb.ts';
import type { CodeBlocks } from '../store.ts';
import type { ChangeCursor } from './change-cursor.ts';

/** One committed change, as the transaction wrote it. */
export interface StoredChange {
  /** Its sequence number; not the order in which changes were committed. */
  readonly seq: bigint;
  readonly kind: ChangeKind;
  readonly record: LinkRecord;
  /** Empty unless it was a rename. */
  readonly previousCode: string;
  readonly changedAt: Date;
}

/** What one reading of the primary found. */
export interface Reading {
  /** The place after this reading. */
  readonly cursor: ChangeCursor;
  readonly changes: readonly StoredChange[];
  /** There were more changes than fit one reading: read the rest in pages before moving the cursor. */
  readonly more: boolean;
  readonly spaces: readonly CodeBlocks[];
  /** The relay has brought to the cache every change committed before this time, by the database's clock; undefined: unknown. */
  readonly cachedUntilMs: number | undefined;
}

/** One connection to the primary that reads changes. It rejects, and cannot be used again, when the connection is lost. */
export interface ChangeReader {
  /** The present place; what is committed after it will be in the next reading. */
  now(): Promise<ChangeCursor>;
  /** The changes that are visible now and were not at the cursor. */
  read(since: ChangeCursor): Promise<Reading>;
  close(): void;
}

/** `cannot_continue`: changes after the cursor are lost, for the reason given. */
export type Continuation =
  | { readonly outcome: 'continue'; readonly fromSeq: bigint }
  | { readonly outcome: 'up_to_date' }
  | { readonly outcome: 'cannot_continue'; readonly reason: string };

/** The most changes of one reading; a larger backlog is read in pages. As many of the largest may wait for a watcher. */
export const lookSize = 1_000;

/** A watcher that missed more is told to start over, which is less work for both. */
export const mostMissed = 200_000;

export interface ChangeLog {
  /** `woken` is called when another process has committed changes. */
  open(woken: () => void): Promise<ChangeReader>;
  /** Whether and from which change on a cursor can be resumed: not when more than mostMissed have come since. */
  continuation(cursor: ChangeCursor): Promise<Continuation>;
  /** Changes after `afterSeq` that may not have been seen at the cursor, in the order of seq. */
  page(cursor: ChangeCursor, afterSeq: bigint, limit: number): Promise<StoredChange[]>;
  /** Notifies every process that changes were committed. Never called inside a transaction that writes. */
  announce(): Promise<void>;
  /** Deletes changes older than the retention; returns how many. */
  prune(retentionMs: number, limit: number): Promise<number>;
  relayCursor(): Promise<string | undefined>;
  saveRelayCursor(cursor: string): Promise<void>;
  /** Resolves when this process becomes the relay; `lost` resolves when it no longer is. */
  leadRelay(signal: AbortSignal): Promise<Leadership | undefined>;
}

export interface Leadership {
  readonly lost: Promise<void>;
  release(): void;
}
