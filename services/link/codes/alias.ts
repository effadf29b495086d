import { maxCodeLength } from '#runtime/shortlink/link-key.ts';
import { type Checked, fault } from '../faults.ts';
import { isReserved } from './reserved-words.ts';

/** Letters and marks of any script, digits, "-" and "_". */
const allowed = /^[\p{L}\p{M}\p{Nd}_-]+$/u;

/** The alias in NFC, or what is wrong with it. */
export function checkAlias(raw: string): Checked<string> {
  const refuse = (description: string) => ({ fault: fault('alias', description, 'ALIAS_INVALID') });
  // Normalising is work: what cannot fit in any form is refused before.
  if (raw.length > 16 * maxCodeLength) return refuse(`must have at most ${maxCodeLength} characters`);
  const alias = raw.normalize('NFC');
  if (isReserved(alias)) return { fault: fault('alias', 'is a reserved word', 'ALIAS_RESERVED') };
  if (alias === '') return refuse('must have at least one character');
  if ([...alias].length > maxCodeLength) return refuse(`must have at most ${maxCodeLength} characters`);
  if (!allowed.test(alias)) return refuse('may hold only letters and marks, digits, "-" and "_"');
  return { value: alias };
}
