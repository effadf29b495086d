import type { ReactNode } from 'react';
import { problemOf } from '../../api/problem.ts';
import { Button } from '../controls/button.tsx';
import { ErrorNote } from '../feedback/states.tsx';
import { Dialog, DialogActions } from './dialog.tsx';

interface ConfirmProps {
  /** The question: "Revoke Nightly export?" */
  readonly title: string;
  /** What the button does: "Revoke it". */
  readonly confirm: string;
  /** What the way back does. */
  readonly keep?: string;
  readonly isBusy: boolean;
  readonly error: unknown;
  readonly onConfirm: () => void;
  /** Undefined: there is no way back any more. */
  readonly onClose: (() => void) | undefined;
  /** What happens then. */
  readonly children: ReactNode;
}

/** Asks before something that cannot be undone. The focus is on the way back. */
export function ConfirmDialog({
  title,
  confirm,
  keep = 'Keep it',
  isBusy,
  error,
  onConfirm,
  onClose,
  children,
}: ConfirmProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{children}</p>
      <ErrorNote problem={error ? problemOf(error) : undefined} />
      <DialogActions>
        <Button autoFocus aria-disabled={onClose === undefined || undefined} onClick={onClose}>
          {keep}
        </Button>
        <Button look="danger" busy={isBusy} onClick={onConfirm}>
          {confirm}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
