import { domainToASCII } from 'node:url';
import type { Violation } from '#runtime/errors/errors.ts';

/** A valid email address: as given, and the key by which it is compared. */
export interface Email {
  readonly given: string;
  readonly key: string;
}

const longestAddress = 254;
const longestLocalPart = 64;
/** RFC 5322 atoms between dots, with the letters and digits of every script (RFC 6531); no quotes, no comments. */
const localPart = /^[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+(?:\.[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+)*$/u;
/** Checked first, because the conversion to ASCII silently drops some characters and cuts at others. */
const domainCharacters = /^[\p{L}\p{M}\p{N}.-]+$/u;
const domainName = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/;

/** The address with its key, or what is wrong with it. */
export function parseEmail(given: string): Email | Violation {
  const refused = (description: string): Violation => ({ field: 'email', description });
  if (given === '') return refused('An email address is needed.');
  if (given.length > 2 * longestAddress) return refused(`At most ${longestAddress} characters are allowed.`);
  const key = emailKey(given);
  if (key === undefined) return refused('This is not an email address.');
  if ([...given].length > longestAddress || key.length > longestAddress)
    return refused(`At most ${longestAddress} characters are allowed.`);
  return { given, key };
}

/**
 * The key by which addresses are compared; undefined if invalid. Differences in case, width and composition do not matter (NFKC, lower
 * case), nor does the spelling of an international domain (the ASCII form of UTS 46).
 */
export function emailKey(given: string): string | undefined {
  const folded = given.normalize('NFKC').toLowerCase().normalize('NFKC');
  const at = folded.lastIndexOf('@');
  const local = folded.slice(0, Math.max(0, at));
  const typedDomain = folded.slice(at + 1);
  if (!domainCharacters.test(typedDomain)) return undefined;
  const domain = domainToASCII(typedDomain);
  if (Buffer.byteLength(local) > longestLocalPart || !localPart.test(local) || !domainName.test(domain))
    return undefined;
  return `${local}@${domain}`;
}
