import type { Violation } from '#runtime/errors/errors.ts';

/** Why a text is not acceptable as a person's name; the length is checked by the contract. */
export function nameFault(name: string): Violation | undefined {
  return /\p{Cc}/u.test(name) ? { field: 'name', description: 'A name has no control characters.' } : undefined;
}
