import { type ReactNode, useEffect, useId, useRef } from 'react';
import { IconButton } from './button.tsx';
import style from './dialog.module.css';

/** Where somebody begins; without one the browser chooses. */
const firstField = 'input:not([readonly]), select, textarea';

interface DialogProps {
  readonly title: string;
  /** Asked to go: by Escape, the cross or the backdrop. Absent: it stays until what it asks for is done. */
  readonly onClose?: (() => void) | undefined;
  readonly children: ReactNode;
}

/** A native modal dialog: the browser keeps the focus inside and gives it back. Render it only while it is open. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const pressedOn = useRef<EventTarget>(undefined);
  const titleId = useId();
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    element?.showModal();
    element?.querySelector<HTMLElement>(firstField)?.focus();
    return () => {
      element?.close();
      // The element may be gone with the dialog, and then the browser has nowhere to go back to.
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
        event.preventDefault();
        onClose?.();
      }}
      // A second Escape closes it without asking: what has to stay is opened again.
      onClose={(event) => (onClose ? onClose() : event.currentTarget.showModal())}
      onPointerDown={(event) => {
        pressedOn.current = event.target;
      }}
      // Where the press began on the backdrop, too: marking text in a field may end there.
      onClick={(event) => {
        const { target, currentTarget } = event;
        if (target === currentTarget && pressedOn.current === currentTarget) onClose?.();
      }}
    >
      <div className={style.inside}>
        <div className={style.head}>
          <h2 id={titleId}>{title}</h2>
          {onClose && <IconButton icon="close" label="Close" small onClick={onClose} />}
        </div>
        {children}
      </div>
    </dialog>
  );
}

/** The row of buttons that ends a dialog; what it is there for comes last. */
export function DialogActions({ children }: { children: ReactNode }) {
  return <div className={style.actions}>{children}</div>;
}
