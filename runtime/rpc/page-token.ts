import { createHash } from 'node:crypto';
import { invalid } from '../errors/errors.ts';
import { isSpelledOnce } from '../http/base64url.ts';

/** How a token encodes where a page ended. */
interface PlaceFormat<Place> {
  write(place: Place): string;
  /** Matches the whole text; its groups are passed to `read`. */
  readonly shape: RegExp;
  /** Undefined if there is no such place. */
  read(...groups: string[]): Place | undefined;
}

export interface PageTokens<Place> {
  write(question: readonly unknown[], place: Place): string;
  /** Throws INVALID_ARGUMENT when the token does not belong to this query. */
  read(question: readonly unknown[], token: string): Place;
}

const longestToken = 200;

/** In hexadecimal digits; a full stop follows. */
const fingerprintLength = 16;

/**
 * A page token says where the previous page ended, and for which query. A fingerprint of both precedes the place, so that a token with one
 * changed character is invalid (one of the previous version may not be, if its place was changed). It is not a signature, and need not be:
 * every query is limited to the caller's rows, so whoever computes a token only skips rows of their own.
 */
export function pageTokens<Place>({ write, shape, read }: PlaceFormat<Place>): PageTokens<Place> {
  return {
    write(question, place) {
      const written = write(place);
      return Buffer.from(`${fingerprint([question, written])}.${written}`).toString('base64url');
    },
    read(question, token) {
      const text = decoded(token);
      const written = text.slice(fingerprintLength + 1);
      // A fingerprint of the query alone is from the previous version: its lists continue here during an upgrade.
      const isOurs = [[question, written], question].some((of) => text === `${fingerprint(of)}.${written}`);
      const [whole, ...groups] = (isOurs && shape.exec(written)) || [];
      const place = whole === undefined ? undefined : read(...groups);
      if (place === undefined) throw invalid('page_token', 'was not made by this list', 'PAGE_TOKEN_INVALID');
      return place;
    },
  };
}

/** Empty unless it is spelled exactly as `write` spells it. */
function decoded(token: string): string {
  return token.length <= longestToken && isSpelledOnce(token) ? Buffer.from(token, 'base64url').toString('latin1') : '';
}

function fingerprint(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, fingerprintLength);
}

/** The last row of a page, in a list ordered by a time, to the millisecond, and then by id. */
export interface RowPlace {
  readonly at: Date;
  readonly id: string;
}

export const rowTokens = pageTokens<RowPlace>({
  write: ({ at, id }) => `${at.getTime()}.${id}`,
  shape: /^(\d{1,16})\.([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/,
  read(ms = '', id = '') {
    const at = new Date(Number(ms));
    return Number.isNaN(at.getTime()) ? undefined : { at, id };
  },
});
