import type { Violation } from '#runtime/errors/errors.ts';

/** What keeps a name from being a person's; its length is a rule of the contract. */
export function nameFault(name: string): Violation | undefined {
  return /\p{Cc}/u.test(name) ? { field: 'name', description: 'A name has no control characters.' } : undefined;
}
