import { create } from '@bufbuild/protobuf';
import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import { type Link, LinkSchema } from '#gen/link/v1/link_pb.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import { stateOf } from '#runtime/shortlink/link-record.ts';
import { etagOf } from './etag.ts';

/** The short URL of a link. */
export type ShortUrls = (key: LinkKey) => string;

/** `publicUrl` is the URL of the default domain; other domains share its scheme and port. */
export function createShortUrls(publicUrl: string, defaultDomain: string): ShortUrls {
  const { protocol, host, port } = new URL(publicUrl);
  return ({ domain, code }) => {
    const place = domain === defaultDomain ? host : port === '' ? domain : `${domain}:${port}`;
    return `${protocol}//${place}/${encodeURIComponent(code)}`;
  };
}

/** How often a link was followed. */
export interface Counts {
  /** According to analytics; undefined while that is unavailable. */
  readonly clickCount: number | undefined;
  /** Uses of its limit. */
  readonly used: number;
}

/** A link as its owners see it. */
export function linkMessage(
  record: LinkRecord,
  shortUrl: ShortUrls,
  { clickCount, used }: Counts,
  nowMs: number,
): Link {
  const state = stateOf(record, nowMs);
  return create(LinkSchema, {
    id: record.id,
    code: record.code,
    domain: record.domain,
    shortUrl: shortUrl(record),
    longUrl: record.destination,
    title: record.title,
    tags: record.tags,
    redirectStatus: record.redirectStatus,
    isActive: !record.disabled,
    etag: etagOf(record),
    state: state === 'followable' ? 'active' : state,
    ...(record.createdAt ? { createdAt: record.createdAt } : {}),
    ...(record.updatedAt ? { updatedAt: record.updatedAt } : {}),
    ...(record.expiresAt ? { expiresAt: record.expiresAt } : {}),
    ...(record.deletedAt ? { deletedAt: record.deletedAt } : {}),
    ...(clickCount === undefined ? {} : { clickCount }),
    ...(record.maxClicks > 0 ? { maxClicks: record.maxClicks, usedClicks: used } : {}),
  });
}
