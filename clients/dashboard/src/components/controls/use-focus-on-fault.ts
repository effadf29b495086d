import { type RefObject, useEffect } from 'react';

/**
 * After a refusal, moves the focus to the first invalid field, which is then read with the reason. `fault` is a new value for each refusal,
 * and otherwise unchanged.
 */
export function useFocusOnFault(form: RefObject<HTMLFormElement | null>, fault: unknown): void {
  useEffect(() => {
    if (fault) form.current?.querySelector<HTMLElement>('[aria-invalid]')?.focus();
  }, [form, fault]);
}
