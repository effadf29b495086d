import type { ChangeKind, LinkRecord } from '#gen/link/v1/change_pb.ts';
import type { CodeBlocks } from '../store.ts';
import type { ChangeCursor } from './change-cursor.ts';

/** One committed change, as the transaction wrote it. */
export interface StoredChange {
  /** Its place among the changes; not the order in which they were committed. */
  readonly seq: bigint;
  readonly kind: ChangeKind;
  readonly record: LinkRecord;
  /** Empty unless it was a rename. */
  readonly previousCode: string;
  readonly changedAt: Date;
}

/** What one look at the primary saw. */
export interface Reading {
  /** The place after this look. */
  readonly cursor: ChangeCursor;
  readonly changes: readonly StoredChange[];
  /** There were more changes than one look takes: read the rest by pages before moving the cursor. */
  readonly more: boolean;
  readonly spaces: readonly CodeBlocks[];
  /** The relay has carried every change to the cache that was committed before this time, by the database's clock; undefined: not known. */
  readonly cachedUntilMs: number | undefined;
}

/** One connection to the primary that looks for changes. It rejects and is done with when the connection is lost. */
export interface ChangeReader {
  /** The place now; what is committed after it will be in the next reading. */
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

/** Who missed more is told to begin anew, which is less work for both. */
export const mostMissed = 200_000;

export interface ChangeLog {
  /** `woken` is called when another process has committed changes. */
  open(woken: () => void): Promise<ChangeReader>;
  /** Whether a cursor can be resumed from, and from which change on: not when more than mostMissed have come since. */
  continuation(cursor: ChangeCursor): Promise<Continuation>;
  /** Changes after `afterSeq` that may not have been seen at the cursor, in the order of seq. */
  page(cursor: ChangeCursor, afterSeq: bigint, limit: number): Promise<StoredChange[]>;
  /** Tells every process that changes were committed. Never called inside a transaction that writes. */
  announce(): Promise<void>;
  /** Deletes changes older than the retention; answers how many. */
  prune(retentionMs: number, limit: number): Promise<number>;
  relayCursor(): Promise<string | undefined>;
  saveRelayCursor(cursor: string): Promise<void>;
  /** Resolves when this process is the one that relays; the answer's `lost` resolves when it no longer is. */
  leadRelay(signal: AbortSignal): Promise<Leadership | undefined>;
}

export interface Leadership {
  readonly lost: Promise<void>;
  release(): void;
}
