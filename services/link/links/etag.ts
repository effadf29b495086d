import { createHash } from 'node:crypto';
import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import { stale } from '#runtime/errors/errors.ts';

/** Changes with every change of the link, but does not reveal how many changes there were elsewhere. */
export function etagOf({ id, version }: LinkRecord): string {
  return createHash('sha256').update(`${id}.${version}`).digest('base64url').slice(0, 16);
}

/** Throws when the caller saw an older state of the link. Accepts the quotes and the weak mark of HTTP etags. */
export function requireEtag(given: string | undefined, record: LinkRecord): void {
  if (given !== undefined && bare(given) !== etagOf(record)) throw staleEtag();
}

/** If-Match (RFC 9110, 13.1.1): one of several etags, or `*` for any state. */
export function requireMatch(header: string | undefined, record: LinkRecord): void {
  if (header === undefined) return;
  // Made once: a header has room for tens of thousands of etags.
  const etag = etagOf(record);
  const given = header.split(',').map((each) => each.trim());
  if (!given.some((each) => each === '*' || bare(each) === etag)) throw staleEtag();
}

const bare = (given: string): string => given.replace(/^W\//, '').replace(/^"(.*)"$/, '$1');

const staleEtag = () => stale('ETAG_STALE', 'The link was changed since this etag was read.');
