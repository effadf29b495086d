import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import { cacheControlOf, notStored } from '#runtime/shortlink/cache-control.ts';
import { writeClickTag } from '#runtime/shortlink/click-tag.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import { redirectStatusOf } from '#runtime/shortlink/link-record.ts';

/** Where an answer came from. */
export type Source = 'l1' | 'redis' | 'replica' | 'primary';

/** What L1 keeps of a LinkRecord, with everything that following the link needs prepared. */
export interface CachedLink {
  readonly id: string;
  readonly workspaceId: string;
  readonly version: bigint;
  readonly domain: string;
  readonly code: string;
  /** Milliseconds since 1970. */
  readonly createdAtMs: number | undefined;
  /** Milliseconds since 1970; infinite for a link that does not expire. */
  readonly expiresAtMs: number;
  readonly state: 'active' | 'disabled' | 'used_up' | 'deleted';
  /** How often it may be followed, which only the link service can count; 0: no limit. */
  readonly maxClicks: number;
  /** The HTTP status of the redirect. */
  readonly status: string;
  /** The destination, byte for byte. */
  readonly location: string;
  readonly cacheControl: string;
  /** The click tag of a follow answered from this memory; see docs/decisions/0003-click.md. */
  readonly click: string;
  /** Approximate size in memory. */
  readonly bytes: number;
  // The rest changes when a store confirms the record.
  /** When a store or Watch last confirmed it, by the process's clock. */
  checkedAt: number;
  /** How long that confirmation is trusted while Watch is live. */
  trustMs: number;
  /** The epoch (freshness.ts) in which it was confirmed. */
  epoch: number;
}

export type FollowState = 'followable' | 'disabled' | 'deleted' | 'expired' | 'used_up';

export function nameOf({ domain, code }: LinkKey): string {
  return `${domain}/${code}`;
}

/** A cheaper stateOf (runtime/shortlink), for the hot path. */
export function followState(link: CachedLink, atMs: number): FollowState {
  if (link.state === 'deleted') return 'deleted';
  if (atMs >= link.expiresAtMs) return 'expired';
  return link.state === 'active' ? 'followable' : link.state;
}

type Followed = Pick<CachedLink, 'id' | 'workspaceId' | 'version' | 'domain' | 'code'>;

export function clickOf({ id, workspaceId, version, domain, code }: Followed, tier: Source): string {
  return writeClickTag({ linkId: id, workspaceId, version, tier, domain, code });
}

export function toCachedLink(record: LinkRecord): CachedLink {
  const { id, workspaceId, version, domain, code, redirectStatus } = record;
  return {
    id,
    workspaceId,
    version,
    domain,
    code,
    createdAtMs: record.createdAt && epochMs(record.createdAt),
    expiresAtMs: record.expiresAt ? epochMs(record.expiresAt) : Number.POSITIVE_INFINITY,
    state: stateOf(record),
    maxClicks: record.maxClicks,
    status: String(redirectStatusOf(record)),
    location: headerValue(record.destination),
    // Kept by a browser, it would be followed without taking a use.
    cacheControl: record.maxClicks > 0 ? notStored : cacheControlOf(redirectStatus),
    click: flat(clickOf(record, 'l1')),
    bytes: perLinkBytes + record.destination.length + 4 * code.length,
    checkedAt: 0,
    trustMs: 0,
    epoch: 0,
  };
}

function stateOf({ deletedAt, disabled, usedUp }: LinkRecord): CachedLink['state'] {
  if (deletedAt) return 'deleted';
  if (disabled) return 'disabled';
  return usedUp ? 'used_up' : 'active';
}

/** Measured: an entry and its places in the cache, without the link's own texts. */
const perLinkBytes = 1_400;

function epochMs({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1_000 + Math.floor(nanos / 1_000_000);
}

/** Destinations are stored in ASCII; one that is not must not break the response, whoever wrote it. */
function headerValue(destination: string): string {
  return destination.toWellFormed().replace(/[^\x21-\x7e]+/g, encodeURIComponent);
}

/** A concatenated string keeps its parts alive, at several times its size; a copy does not. */
function flat(ascii: string): string {
  return Buffer.from(ascii, 'latin1').toString('latin1');
}
