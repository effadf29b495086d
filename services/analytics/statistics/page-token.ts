import { createHash } from 'node:crypto';
import { invalid } from '#runtime/errors/errors.ts';
import type { ClickPosition } from '../store.ts';

const shape = /^([0-9a-f]{16})\.(\d{1,16})\.(\d{1,6})$/;

/**
 * Page tokens say where the page before ended, and of which question it was. They give no access, for whose a link is is
 * asked with every page; and they hold nothing of a click but its time.
 */
export function writePageToken(question: readonly unknown[], { atUs, skip }: ClickPosition): string {
  return Buffer.from(`${fingerprint(question)}.${atUs}.${skip}`).toString('base64url');
}

/** Throws INVALID_ARGUMENT when the token is not one of this question. */
export function readPageToken(question: readonly unknown[], token: string): ClickPosition {
  const match = token.length <= 100 ? shape.exec(Buffer.from(token, 'base64url').toString('latin1')) : null;
  const [, asked, at = '', skip = ''] = match ?? [];
  const position = { atUs: Number(at), skip: Number(skip) };
  if (asked !== fingerprint(question) || !Number.isSafeInteger(position.atUs)) {
    throw invalid('page_token', 'was not made by this list', 'PAGE_TOKEN_INVALID');
  }
  return position;
}

function fingerprint(question: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(question)).digest('hex').slice(0, 16);
}
