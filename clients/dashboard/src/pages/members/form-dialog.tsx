import { type ReactNode, useMemo, useRef, useState } from 'react';
import { problemOf } from '../../api/problem.ts';
import { Button } from '../../components/controls/button.tsx';
import { useFocusOnFault } from '../../components/controls/use-focus-on-fault.ts';
import { Dialog, DialogActions } from '../../components/dialogs/dialog.tsx';
import { ErrorNote } from '../../components/feedback/states.tsx';
import style from './members.module.css';

interface FormDialogProps {
  readonly title: string;
  /** What the button does: "Create the invitation". */
  readonly submit: string;
  /** Of that button; danger: what it does cannot be undone. */
  readonly look?: 'primary' | 'danger';
  readonly isBusy: boolean;
  readonly error: unknown;
  /** What was chosen and typed, by the names of the fields; as it is, because a password may begin or end with white space. */
  readonly onSubmit: (text: (field: string) => string) => void;
  readonly onClose: () => void;
  /** The fields, which show what is wrong with each. */
  readonly children: (faults: Readonly<Record<string, string>>) => ReactNode;
}

/** A few fields and a button. It cannot be left while the call is under way, whose answer somebody has to see. */
export function FormDialog({
  title,
  submit,
  look = 'primary',
  isBusy,
  error,
  onSubmit,
  onClose,
  children,
}: FormDialogProps) {
  const [isTyped, setTyped] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const problem = useMemo(() => (error ? problemOf(error) : undefined), [error]);
  useFocusOnFault(form, error);
  const leave = isBusy ? undefined : onClose;
  return (
    <Dialog title={title} isUnsaved={isTyped} onClose={leave}>
      <form
        ref={form}
        className={style.form}
        onChange={() => setTyped(true)}
        onSubmit={(event) => {
          event.preventDefault();
          const fields = new FormData(event.currentTarget);
          onSubmit((field) => String(fields.get(field) ?? ''));
        }}
      >
        {children(problem?.fields ?? {})}
        <ErrorNote problem={problem} />
        <DialogActions>
          <Button aria-disabled={isBusy || undefined} onClick={leave}>
            Cancel
          </Button>
          <Button look={look} type="submit" busy={isBusy}>
            {submit}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
