import { create } from '@bufbuild/protobuf';
import { type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import type { LinkKey } from './link-key.ts';

/**
 * What a follow of the link meets. `absent`: the record only says that no link has this code at its version (a rename moved the link away,
 * or a store confirmed that there is none).
 */
export type LinkState = 'followable' | 'disabled' | 'expired' | 'deleted' | 'used_up' | 'absent';

/** Of several reasons not to follow, the one hardest to undo. `nowMs` is in milliseconds since 1970. */
export function stateOf(record: LinkRecord, nowMs: number): LinkState {
  if (record.id === '') return 'absent';
  if (record.deletedAt !== undefined) return 'deleted';
  if (record.expiresAt !== undefined && epochMs(record.expiresAt) <= nowMs) return 'expired';
  if (record.disabled) return 'disabled';
  return record.usedUp ? 'used_up' : 'followable';
}

/** Says that no link has this code. Version 0, a mere absence, is superseded by every link ever made. */
export function absentRecord({ domain, code }: LinkKey, version = 0n): LinkRecord {
  return create(LinkRecordSchema, { domain, code, version });
}

/** One row of the view link.followable, and of link.links, as node-postgres reads it; bigints are strings. */
export interface LinkRow {
  readonly id: string;
  readonly domain: string;
  readonly code: string;
  readonly version: string;
  readonly workspace_id: string;
  readonly created_by: string;
  readonly number: string;
  readonly code_key_id: number;
  readonly destination: string;
  readonly redirect_status: number;
  readonly title: string;
  readonly tags: readonly string[];
  readonly disabled: boolean;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly expires_at: Date | null;
  readonly deleted_at: Date | null;
  readonly max_clicks: number | null;
  readonly used_up: boolean;
}

/** The columns of a LinkRow, for the select list. */
export const linkColumns = [
  'id, domain, code, version, workspace_id, created_by, number, code_key_id, destination, redirect_status',
  'title, tags, disabled, created_at, updated_at, expires_at, deleted_at, max_clicks, used_up',
].join(', ');

export function recordOfRow(row: LinkRow): LinkRecord {
  return create(LinkRecordSchema, {
    id: row.id,
    domain: row.domain,
    code: row.code,
    version: BigInt(row.version),
    workspaceId: row.workspace_id,
    createdBy: row.created_by,
    number: BigInt(row.number),
    codeKeyId: row.code_key_id,
    destination: row.destination,
    redirectStatus: row.redirect_status,
    title: row.title,
    tags: [...row.tags],
    disabled: row.disabled,
    createdAt: timestampOf(row.created_at),
    updatedAt: timestampOf(row.updated_at),
    ...(row.expires_at ? { expiresAt: timestampOf(row.expires_at) } : {}),
    ...(row.deleted_at ? { deletedAt: timestampOf(row.deleted_at) } : {}),
    maxClicks: row.max_clicks ?? 0,
    usedUp: row.used_up,
  });
}

export function timestampOf(date: Date): Timestamp {
  return timestampFromMs(date.getTime());
}

export function dateOf(timestamp: Timestamp): Date {
  return new Date(epochMs(timestamp));
}

function epochMs({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1_000 + Math.floor(nanos / 1_000_000);
}

/** The statuses that a link may answer with. */
export const redirectStatuses = [301, 302, 307, 308] as const;
export type RedirectStatus = (typeof redirectStatuses)[number];

const statuses: ReadonlySet<number> = new Set(redirectStatuses);

export const isRedirectStatus = (status: number): status is RedirectStatus => statuses.has(status);

/** A record from before links had a status has 0. */
export const redirectStatusOf = ({ redirectStatus }: Pick<LinkRecord, 'redirectStatus'>): number =>
  redirectStatus || 302;
