import type { ChangeKind, LinkRecord } from '#gen/link/v1/change_pb.ts';
import type { RowPlace } from '#runtime/rpc/page-token.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';

/** The content of a new link; the store adds its id, version and times. */
export interface NewLink {
  readonly domain: string;
  readonly workspaceId: string;
  readonly createdBy: string;
  readonly destination: string;
  readonly redirectStatus: number;
  readonly title: string;
  readonly tags: readonly string[];
  readonly expiresAt: Date | undefined;
  /** In place of expiresAt: the link ends this many seconds after its creation, by the database's clock. */
  readonly ttl?: number | undefined;
  /** Absent: no limit. */
  readonly maxClicks?: number | undefined;
}

/** The code of a new link: a generated one with its number and key, or an alias (number 0, key 0). */
export interface ChosenCode {
  readonly code: string;
  readonly number: number;
  readonly codeKeyId: number;
}

export interface Idempotency {
  readonly key: string;
  /** Hash of everything in the request; see idempotency.ts. */
  readonly requestHash: Uint8Array;
}

/** `code_taken`: another link of the domain has the code. The others: what the operator has taken down. */
export type CreateRefusal = 'code_taken' | 'workspace_taken_down' | 'host_taken_down';

/**
 * `replayed`: this key has already created this record. `key_reused`: it created another one. `key_busy`: a concurrent duplicate did not
 * finish in time.
 */
export type CreateOutcome =
  | { readonly outcome: 'created' | 'replayed'; readonly record: LinkRecord }
  | { readonly outcome: CreateRefusal | 'key_reused' | 'key_busy' };

/** The link after a change. The store sets the version. */
export interface Edit {
  readonly kind: ChangeKind;
  readonly next: LinkRecord;
}

export interface ChangeRequest {
  readonly workspaceId: string;
  readonly key: LinkKey;
  /** A code that the edit may move the link to: it is locked before the link. */
  readonly newCode?: string | undefined;
}

/**
 * `unchanged`: the edit asked for nothing. `missing`: the workspace has no such link. `link_taken_down`: it may be deleted and restored as
 * taken down, but not updated. `host_taken_down`: that of the new destination.
 */
export type ChangeOutcome =
  | { readonly outcome: 'changed'; readonly record: LinkRecord; readonly previousCode: string }
  | { readonly outcome: 'unchanged'; readonly record: LinkRecord }
  | { readonly outcome: 'missing' | 'code_taken' | 'link_taken_down' | 'host_taken_down' };

export type StateFilter = 'active' | 'disabled' | 'expired' | 'used_up' | 'deleted';

export interface ListQuery {
  readonly workspaceId: string;
  readonly createdBy?: string | undefined;
  readonly domain?: string | undefined;
  readonly tag?: string | undefined;
  readonly search?: string | undefined;
  /** Absent: all but deleted ones. */
  readonly state?: StateFilter | undefined;
  readonly orderBy: 'created_at' | 'updated_at';
  readonly descending: boolean;
  /** The last link of the previous page. */
  readonly after?: RowPlace | undefined;
  readonly limit: number;
}

/** How far a key of the code space is handed out; see CodeSpace in change.proto. */
export interface CodeBlocks {
  readonly keyId: number;
  readonly first: number;
  readonly next: number;
  readonly blockSize: number;
  /** That of the key; empty until a link service that knows of fingerprints has started. */
  readonly fingerprint: string;
}

/** Numbers from `first` up to, not including, `end`. */
export interface Block {
  readonly first: number;
  readonly end: number;
}

/** A link as identified by a follow. */
export interface FollowedLink extends LinkKey {
  readonly id: string;
}

/** How many of the requested uses were granted. */
export interface TakeOutcome {
  readonly granted: number;
  /** The link before that or, if nothing was granted, as it is now; undefined: there is none. */
  readonly record: LinkRecord | undefined;
}

/** A link that was deleted. */
export interface DeletedLink extends LinkKey {
  readonly id: string;
}

/** The link tables. Every method rejects with a HopError when the database fails. */
export interface LinkStore {
  create(link: NewLink, code: ChosenCode, idempotency?: Idempotency): Promise<CreateOutcome>;
  /** What an idempotency key created in the last 24 h, without waiting for a concurrent duplicate. */
  replay(workspaceId: string, idempotency: Idempotency): Promise<CreateOutcome | undefined>;
  find(workspaceId: string, key: LinkKey): Promise<LinkRecord | undefined>;
  /** Of any workspace; those that do not exist are left out. */
  lookup(keys: readonly LinkKey[]): Promise<LinkRecord[]>;
  /** Of one workspace, deleted ones too; those that do not exist are left out. */
  lookupIds(workspaceId: string, linkIds: readonly string[]): Promise<LinkRecord[]>;
  /** Fewer than the limit if a page cannot hold as many (page-bytes.ts): all that it can, and the next one. */
  list(query: ListQuery): Promise<LinkRecord[]>;
  /** Whether the user has created a link in the workspace. */
  hasMadeLinks(workspaceId: string, userId: string): Promise<boolean>;
  /**
   * Changes a link in one transaction, with its change record. `edit` gets the locked link and the database's time; returning undefined
   * changes nothing, and throwing rolls back. It may run more than once.
   */
  change(request: ChangeRequest, edit: (current: LinkRecord, now: Date) => Edit | undefined): Promise<ChangeOutcome>;
  /**
   * Creates the row of a code key, or moves the end of its range. Rejects with a specific error when numbers above that end are handed out,
   * or any were under another secret: their codes would be taken for made-up ones.
   */
  openCodeSpace(space: Omit<CodeBlocks, 'next'> & { readonly last: number }): Promise<void>;
  /** Reserves the next block of a key; undefined when its range is used up. */
  reserveBlock(keyId: number): Promise<Block | undefined>;
  /** Aliases that look generated, on any domain, in order and after `after`. */
  lookalikes(after: LinkKey | undefined, limit: number): Promise<LinkKey[]>;
  /**
   * Takes this many uses of a followable link, or what is left of them. Whoever takes the last one writes the change record that says so.
   * All are granted if there is no limit.
   */
  takeUses(link: FollowedLink, wanted: number): Promise<TakeOutcome>;
  /** How many uses were taken, by link id; those that are left out have none. */
  uses(linkIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Marks expired links, with a change record each; returns how many. */
  expireLinks(limit: number): Promise<number>;
  /** Links that were deleted longer ago than this, the oldest deletion first. */
  findPurgeable(afterMs: number, limit: number): Promise<DeletedLink[]>;
  /** Removes such a link for good, with a change record; false when it no longer exists, or was not deleted that long ago. */
  purge(link: DeletedLink, afterMs: number): Promise<boolean>;
  /** Deletes idempotency keys older than 24 h; returns how many. */
  sweepIdempotencyKeys(limit: number): Promise<number>;
}
