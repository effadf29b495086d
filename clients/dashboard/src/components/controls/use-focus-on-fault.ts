import { type RefObject, useEffect } from 'react';

/** After a refusal the focus is on the first field that is wrong, which is then read with the reason. `fault` is another for each refusal; else nothing. */
export function useFocusOnFault(form: RefObject<HTMLFormElement | null>, fault: unknown): void {
  useEffect(() => {
    if (fault) form.current?.querySelector<HTMLElement>('[aria-invalid]')?.focus();
  }, [form, fault]);
}
