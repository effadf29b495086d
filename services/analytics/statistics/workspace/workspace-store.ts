import type { Counts } from '../../store.ts';
import type { Piece } from '../cover.ts';

export interface WorkspacePoint extends Counts {
  /** The index of its cut. */
  readonly point: number;
}

export interface LinkShare {
  readonly linkId: string;
  readonly clicks: number;
  readonly visitors: number;
}

/** The reads of a workspace; from a replica. Times are microseconds since 1970, at whole hours. */
export interface WorkspaceReader {
  /** Counts by point; a point begins at its cut (ascending) and ends where the next begins. */
  points(
    workspaceId: string,
    hours: { readonly from: number; readonly until: number },
    cuts: readonly number[],
  ): Promise<WorkspacePoint[]>;
  /** The links with most clicks, and how many links have any. Only the 50,000 with most clicks overall are examined. */
  topLinks(
    workspaceId: string,
    pieces: readonly Piece[],
    order: { readonly bots: boolean; readonly limit: number },
  ): Promise<{ readonly top: readonly LinkShare[]; readonly links: number }>;
}

export interface WorkspaceStore {
  /** Several queries on one snapshot, one after another; run again on the next server when one fails. */
  snapshot<Result>(read: (reader: WorkspaceReader) => Promise<Result>): Promise<Result>;
}

/** A workspace, and the hour from which its clicks are counted. */
export interface Counted {
  readonly workspaceId: string;
  readonly sinceUs: number;
}

/** The present counts; from the primary, since a replica may lack what was just counted. */
export interface WorkspaceCountsStore {
  /** In the order of the requests. */
  countsSince(asked: readonly Counted[]): Promise<Counts[]>;
}
