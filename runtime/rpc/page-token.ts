import { createHash } from 'node:crypto';
import { invalid } from '../errors/errors.ts';

/** How a token tells where a page ended. */
interface PlaceFormat<Place> {
  write(place: Place): string;
  /** Of the whole text; its groups go to `read`. */
  readonly shape: RegExp;
  /** Undefined: there is no such place. */
  read(...groups: string[]): Place | undefined;
}

export interface PageTokens<Place> {
  write(question: readonly unknown[], place: Place): string;
  /** Throws INVALID_ARGUMENT when the token is not one of this question. */
  read(question: readonly unknown[], token: string): Place;
}

const longestToken = 200;

/**
 * Page tokens say where the page before ended, and of which question it was. They give no access: whose rows are listed is in every query,
 * so a made-up token of the right shape only skips rows of one's own.
 */
export function pageTokens<Place>({ write, shape, read }: PlaceFormat<Place>): PageTokens<Place> {
  return {
    write: (question, place) => Buffer.from(`${fingerprint(question)}.${write(place)}`).toString('base64url'),
    read(question, token) {
      const text = token.length <= longestToken ? Buffer.from(token, 'base64url').toString('latin1') : '';
      const start = `${fingerprint(question)}.`;
      const [whole, ...groups] = (text.startsWith(start) && shape.exec(text.slice(start.length))) || [];
      const place = whole === undefined ? undefined : read(...groups);
      if (place === undefined) throw invalid('page_token', 'was not made by this list', 'PAGE_TOKEN_INVALID');
      return place;
    },
  };
}

function fingerprint(question: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(question)).digest('hex').slice(0, 16);
}

/** The last row of a page, in a list that is ordered by a time, to the millisecond, and then by id. */
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
