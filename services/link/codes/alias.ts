import { maxCodeLength } from '#runtime/shortlink/link-key.ts';
import { type Checked, violation } from '../field-violations.ts';
import { isReserved } from './reserved-words.ts';

/** Letters and marks of any script, digits, "-" and "_". A mark needs a letter before it. */
const allowed = /^(?!\p{M})[\p{L}\p{M}\p{Nd}_-]+$/u;
/** Invisible letters and marks: with one of them a text looks like a reserved word without being equal to it. */
const unseen = /\p{Default_Ignorable_Code_Point}/u;

/** The alias in NFC, or what is wrong with it. */
export function checkAlias(raw: string): Checked<string> {
  const refuse = (description: string) => ({ violation: violation('alias', description, 'ALIAS_INVALID') });
  // Normalising costs time: what is too long in any form is refused first.
  if (raw.length > 16 * maxCodeLength) return refuse(`must have at most ${maxCodeLength} characters`);
  const alias = raw.normalize('NFC');
  if (isReserved(alias)) return { violation: violation('alias', 'is a reserved word', 'ALIAS_RESERVED') };
  if (alias === '') return refuse('must have at least one character');
  if ([...alias].length > maxCodeLength) return refuse(`must have at most ${maxCodeLength} characters`);
  if (!allowed.test(alias) || unseen.test(alias)) {
    return refuse('may hold only letters and marks that can be seen, digits, "-" and "_", and begin with no mark');
  }
  return { value: alias };
}
