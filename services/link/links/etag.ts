import { createHash } from 'node:crypto';
import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import { stale } from '#runtime/errors/errors.ts';

/** Changes with every change of the link, but does not reveal how many changes there were elsewhere. */
export function etagOf({ id, version }: LinkRecord): string {
  return createHash('sha256').update(`${id}.${version}`).digest('base64url').slice(0, 16);
}

/** Throws when the caller saw an older state of the link. Accepts the quotes and the weak mark of HTTP etags. */
export function requireEtag(given: string | undefined, record: LinkRecord): void {
  if (given !== undefined && !isOf(record, given)) throw staleEtag();
}

/** If-Match (RFC 9110, 13.1.1): one of several etags, or `*` for any state. */
export function requireMatch(header: string | undefined, record: LinkRecord): void {
  const given = header?.split(',').map((each) => each.trim());
  if (given && !given.some((each) => each === '*' || isOf(record, each))) throw staleEtag();
}

const isOf = (record: LinkRecord, given: string): boolean =>
  given.replace(/^W\//, '').replace(/^"(.*)"$/, '$1') === etagOf(record);

const staleEtag = () => stale('ETAG_STALE', 'The link was changed since this etag was read.');
