import { invalidFields } from '#runtime/errors/errors.ts';
import type { Reason } from '#runtime/errors/reasons.ts';

/** What is wrong with one field of a request. */
export interface Violation {
  readonly field: string;
  readonly description: string;
  readonly reason: Reason;
}

export function violation(field: string, description: string, reason: Reason = 'INVALID_ARGUMENT'): Violation {
  return { field, description, reason };
}

/** The outcome of a check: the value as it is stored, or what is wrong with it. */
export type Checked<Value> = { readonly value: Value } | { readonly violation: Violation };

/** Collects the violations of a request, so that the caller learns of all at once. */
export interface Violations {
  /** The value, or undefined after recording the violation. */
  take<Value>(checked: Checked<Value>): Value | undefined;
  add(violation: Violation): void;
  /** Throws when there are any. If all violations have one reason, the error has it too. */
  throwIfAny(): void;
}

export function createViolations(): Violations {
  const found: Violation[] = [];
  return {
    take(checked) {
      if ('value' in checked) return checked.value;
      found.push(checked.violation);
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
