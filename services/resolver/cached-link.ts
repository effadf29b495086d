import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import { cacheControlOf, notStored } from '#runtime/shortlink/cache-control.ts';
import { writeClickTag } from '#runtime/shortlink/click-tag.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import { redirectStatusOf } from '#runtime/shortlink/link-record.ts';

/** Where an answer came from. */
export type Source = 'l1' | 'redis' | 'replica' | 'primary';

/** What L1 keeps of a LinkRecord, with everything that following the link needs made once. */
export interface CachedLink {
  readonly id: string;
  readonly workspaceId: string;
  readonly version: bigint;
  readonly domain: string;
  readonly code: string;
  /** Milliseconds since 1970. */
  readonly createdAtMs: number | undefined;
  /** Milliseconds since 1970; infinite for a link without an end. */
  readonly expiresAtMs: number;
  readonly state: 'active' | 'disabled' | 'used_up' | 'deleted';
  /** How often it may be followed, which only the link service can count; 0: as often as anybody likes. */
  readonly maxClicks: number;
  /** The HTTP status of the redirect. */
  readonly status: string;
  /** The destination, byte for byte. */
  readonly location: string;
  readonly cacheControl: string;
  /** Whose click a follow is, as if this memory answered; see docs/decisions/0003-click.md. */
  readonly click: string;
  /** About what it takes in memory. */
  readonly bytes: number;
  // What follows changes when a store confirms the record.
  /** When a store or Watch last confirmed it, by the process's clock. */
  checkedAt: number;
  /** How long that is good for while Watch is live. */
  trustMs: number;
  /** The epoch (freshness.ts) in which it was confirmed. */
  epoch: number;
}

export type FollowState = 'followable' | 'disabled' | 'deleted' | 'expired' | 'used_up';

export function nameOf({ domain, code }: LinkKey): string {
  return `${domain}/${code}`;
}

/** stateOf (runtime/shortlink) without its work: this is the hot path. */
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
    // From a browser that kept it, it would be followed without taking a use.
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

/** Measured: an entry and its places in the cache, but for the texts of the link's own. */
const perLinkBytes = 1_400;

function epochMs({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1_000 + Math.floor(nanos / 1_000_000);
}

/** Destinations are stored in ASCII; one that is not must not break the answer, no matter who wrote it. */
function headerValue(destination: string): string {
  return destination.toWellFormed().replace(/[^\x21-\x7e]+/g, encodeURIComponent);
}

/** A text that was put together holds on to its parts, at several times its size; a copy does not. */
function flat(ascii: string): string {
  return Buffer.from(ascii, 'latin1').toString('latin1');
}
