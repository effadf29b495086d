import { createContext, type ReactNode, use, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { createPortal } from 'react-dom';
import { Button, IconButton } from './button.tsx';
import style from './toasts.module.css';

export interface Toast {
  readonly text: string;
  /** Takes back what the text says was done. */
  readonly undo?: (() => void) | undefined;
}

type Held = Toast & { readonly id: number };
type Tell = (toast: Toast) => void;

/** More than this is not read. */
const most = 3;
const shownMs = 8_000;

const ToastContext = createContext<Tell>(() => {});

/** Says what was done, for eight seconds, or for as long as the pointer or the focus rests on it. */
export const useToast = (): Tell => use(ToastContext);

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<readonly Held[]>([]);
  const next = useRef(0);
  const tell = useCallback<Tell>((toast) => {
    const id = next.current++;
    setToasts((held) => [...held.slice(1 - most), { ...toast, id }]);
  }, []);
  const drop = useCallback((id: number) => setToasts((held) => held.filter((toast) => toast.id !== id)), []);
  const list = useMemo(
    () => toasts.map((toast) => <ToastLine key={toast.id} toast={toast} onDone={() => drop(toast.id)} />),
    [toasts, drop],
  );
  return (
    <ToastContext value={tell}>
      {children}
      {createPortal(
        <div className={style.toasts} role="status" aria-live="polite">
          {list}
        </div>,
        document.body,
      )}
    </ToastContext>
  );
}

function ToastLine({ toast, onDone }: { toast: Held; onDone: () => void }) {
  const [isHeld, setHeld] = useState(false);
  const done = useRef(onDone);
  done.current = onDone;
  useEffect(() => {
    if (isHeld) return;
    const timer = setTimeout(() => done.current(), shownMs);
    return () => clearTimeout(timer);
  }, [isHeld]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it does nothing; it only stays while somebody reads it.
    <div
      className={style.toast}
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <span className={style.text}>{toast.text}</span>
      {toast.undo && (
        <Button
          look="quiet"
          small
          icon="restore"
          onClick={() => {
            toast.undo?.();
            onDone();
          }}
        >
          Undo
        </Button>
      )}
      <IconButton icon="close" label="Dismiss" small onClick={onDone} />
    </div>
  );
}
