import { createHash } from 'node:crypto';
import { invalid } from '#runtime/errors/errors.ts';

/** The last link of a page, as far as the order needs it. */
export interface PagePosition {
  readonly at: Date;
  readonly id: string;
}

const shape = /^([0-9a-f]{16})\.(\d{1,16})\.([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/;

/**
 * Page tokens say where the page before ended, and of which question it was. They give no access: the workspace is in
 * every query, so a made-up token of the right shape only skips links of one's own.
 */
export function writePageToken(question: readonly unknown[], { at, id }: PagePosition): string {
  return Buffer.from(`${fingerprint(question)}.${at.getTime()}.${id}`).toString('base64url');
}

/** Throws INVALID_ARGUMENT when the token is not one of this question. */
export function readPageToken(question: readonly unknown[], token: string): PagePosition {
  const match = token.length <= 200 ? shape.exec(Buffer.from(token, 'base64url').toString('latin1')) : null;
  const [, asked, at = '', id = ''] = match ?? [];
  const time = new Date(Number(at));
  if (asked !== fingerprint(question) || Number.isNaN(time.getTime())) {
    throw invalid('page_token', 'was not made by this list', 'PAGE_TOKEN_INVALID');
  }
  return { at: time, id };
}

function fingerprint(question: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(question)).digest('hex').slice(0, 16);
}
