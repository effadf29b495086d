import { type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { Button, IconButton } from '../controls/button.tsx';
import style from './dialog.module.css';
import { useStay } from './use-stay.ts';

/** Where somebody begins; without one the browser chooses. */
const firstField = 'input:not([readonly]), select, textarea';

/**
 * What a page has open, if anything. `close` closes what was open when it was rendered: a late answer closes its own dialog, not one that
 * was opened since. Each opening is a new object.
 */
export function useOpen<What extends object>() {
  const [open, setOpen] = useState<What>();
  const close = (): void => setOpen((now) => (now === open ? undefined : now));
  return { open, setOpen, close };
}

interface DialogProps {
  readonly title: string;
  /** Called on Escape, the cross or the backdrop. Absent: the dialog stays until its task is done. */
  readonly onClose?: (() => void) | undefined;
  /** True: it has content that would be lost, so it asks before closing, and Back or a reload do not close it at once. */
  readonly isUnsaved?: boolean;
  readonly children: ReactNode;
}

/** A native modal dialog: the browser keeps the focus inside and restores it. Render it only while it is open. */
export function Dialog({ title, onClose, isUnsaved = false, children }: DialogProps) {
  const [isAsked, setAsked] = useState(false);
  const leave = onClose && isUnsaved ? () => setAsked(!isAsked) : onClose;
  const dialog = useRef<HTMLDialogElement>(null);
  const pressedOn = useRef<EventTarget>(undefined);
  const titleId = useId();
  useStay(isUnsaved, isAsked ? undefined : leave);
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    element?.showModal();
    element?.querySelector<HTMLElement>(firstField)?.focus();
    return () => {
      element?.close();
      // The element may disappear with the dialog, and then the browser has nothing to restore the focus to.
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keyboard has Escape, which the browser turns into `cancel`.
    <dialog
      ref={dialog}
      className={style.dialog}
      aria-labelledby={titleId}
      onCancel={(event) => {
        if (!event.cancelable) return;
        event.preventDefault();
        leave?.();
      }}
      // A second Escape closes it without asking: it is reopened until its owner removes it.
      onClose={({ currentTarget }) => {
        currentTarget.showModal();
        leave?.();
      }}
      onPointerDown={(event) => {
        pressedOn.current = event.target;
      }}
      // The press must have begun on the backdrop too: selecting text in a field may end there.
      onClick={(event) => {
        const { target, currentTarget } = event;
        if (target === currentTarget && pressedOn.current === currentTarget) leave?.();
      }}
    >
      <div className={style.inside} inert={isAsked}>
        <div className={style.head}>
          <h2 id={titleId}>{title}</h2>
          {leave && <IconButton icon="close" label="Close" small onClick={leave} />}
        </div>
        {children}
      </div>
      {isAsked && onClose && <LossQuestion stay={() => setAsked(false)} leave={onClose} />}
    </dialog>
  );
}

/** Stands in the dialog itself: of two dialogs a browser closes both at one Escape. */
function LossQuestion({ stay, leave }: { stay: () => void; leave: () => void }) {
  const [before] = useState(() => document.activeElement);
  const titleId = useId();
  useEffect(
    () => () => {
      if (before instanceof HTMLElement) before.focus();
    },
    [before],
  );
  return (
    <section role="alertdialog" aria-labelledby={titleId} className={style.question}>
      <h3 id={titleId}>Discard your changes?</h3>
      <DialogActions>
        <Button autoFocus onClick={stay}>
          Keep editing
        </Button>
        <Button look="danger" onClick={leave}>
          Discard
        </Button>
      </DialogActions>
    </section>
  );
}

/** The row of buttons at the end of a dialog; the main action comes last. */
export function DialogActions({ children }: { children: ReactNode }) {
  return <div className={style.actions}>{children}</div>;
}
