import { type Checked, violation } from '../field-violations.ts';

export const defaultRedirectStatus = 302;
const longestTitle = 256;
const longestTag = 64;
const lengthOf = (text: string): number => [...text].length;

/** In NFC, the form in which it is searched. */
export function checkTitle(title: string): Checked<string> {
  if (/\p{Cc}/u.test(title)) return { violation: violation('title', 'must not contain control characters') };
  const value = title.normalize('NFC');
  // Some letters become several in NFC.
  if (lengthOf(value) > longestTitle)
    return { violation: violation('title', `must be at most ${longestTitle} characters, in Unicode form NFC`) };
  return { value };
}

/** White space and invisible characters: a label of only those could not be seen in a list. */
const unseen = /^[\s\p{Default_Ignorable_Code_Point}]+$/u;

/** In NFC, sorted, without duplicates. */
export function checkTags(tags: readonly string[]): Checked<string[]> {
  if (tags.some((tag) => /\p{Cc}/u.test(tag)))
    return { violation: violation('tags', 'must not contain control characters') };
  if (tags.some((tag) => unseen.test(tag))) return { violation: violation('tags', 'must not be white space alone') };
  const value = [...new Set(tags.map((tag) => tag.normalize('NFC')))].sort();
  if (value.some((tag) => lengthOf(tag) > longestTag))
    return { violation: violation('tags', `must be at most ${longestTag} characters each, in Unicode form NFC`) };
  return { value };
}

interface Lifetime {
  readonly ttl?: number | undefined;
  readonly expiresAt?: Date | undefined;
}

/** When a link ends: after a ttl (seconds), counted from the write, or at a moment, or never. */
export function checkLifetime({ ttl, expiresAt }: Lifetime): Checked<Lifetime> {
  if (ttl !== undefined && expiresAt !== undefined) {
    return { violation: violation('ttl', 'must not be given together with expires_at') };
  }
  if (ttl !== undefined) {
    return ttl >= 1 ? { value: { ttl } } : { violation: violation('ttl', 'must be at least 1 second') };
  }
  return { value: { expiresAt } };
}

/** A separate check, because what an idempotency key created is returned again even after its end. */
export function checkEnd(end: Date | undefined, nowMs: number): Checked<Date | undefined> {
  if (end && end.getTime() <= nowMs) return { violation: violation('expires_at', 'must be in the future') };
  return { value: end };
}
