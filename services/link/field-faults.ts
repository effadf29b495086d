import { invalidFields } from '#runtime/errors/errors.ts';
import type { Reason } from '#runtime/errors/reasons.ts';

/** What is wrong with one field of a request. */
export interface Fault {
  readonly field: string;
  readonly description: string;
  readonly reason: Reason;
}

export function fault(field: string, description: string, reason: Reason = 'INVALID_ARGUMENT'): Fault {
  return { field, description, reason };
}

/** The outcome of a check: the value as it is kept, or what is wrong with it. */
export type Checked<Value> = { readonly value: Value } | { readonly fault: Fault };

/** Gathers the faults of a request, so that the caller learns of all at once. */
export interface Faults {
  /** The value, or undefined after noting the fault. */
  take<Value>(checked: Checked<Value>): Value | undefined;
  add(fault: Fault): void;
  /** Throws when there are any. Faults of one reason keep it. */
  throwIfAny(): void;
}

export function createFaults(): Faults {
  const found: Fault[] = [];
  return {
    take(checked) {
      if ('value' in checked) return checked.value;
      found.push(checked.fault);
      return undefined;
    },
    add(one) {
      found.push(one);
    },
    throwIfAny() {
      const first = found[0];
      if (!first) return;
      const alike = found.every(({ reason }) => reason === first.reason);
      const violations = found.map(({ field, description }) => ({ field, description }));
      throw invalidFields(violations, alike ? first.reason : 'INVALID_ARGUMENT');
    },
  };
}
