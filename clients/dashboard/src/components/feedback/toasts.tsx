import {
  createContext,
  type FocusEvent,
  type ReactNode,
  use,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import { createPortal } from 'react-dom';
import { Button, IconButton } from '../controls/button.tsx';
import style from './toasts.module.css';

export interface Toast {
  readonly text: string;
  /** Undoes what the text says was done. */
  readonly undo?: (() => void) | undefined;
  /** It stays until it is changed. */
  readonly stays?: boolean;
}

/** What was said. */
export interface Told {
  /** Replaces the text, or shows it again if it was dismissed and does not only stay. */
  change(toast: Toast): void;
}

type Held = Toast & { readonly id: number };
export type Tell = (toast: Toast) => Told;

/** Nobody reads more than this. */
const most = 3;
const shownMs = 8_000;

const ToastContext = createContext<Tell>(() => ({ change: () => {} }));

/** Reports what was done, for eight seconds, or for as long as the pointer or the focus is on it. */
export const useToast = (): Tell => use(ToastContext);

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<readonly Held[]>([]);
  const next = useRef(0);
  const tell = useCallback<Tell>((toast) => {
    const id = next.current++;
    setToasts((held) => withToast(held, { ...toast, id }));
    return { change: (changed) => setToasts((held) => withChanged(held, { ...changed, id })) };
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

const withToast = (held: readonly Held[], toast: Held): readonly Held[] => [...held.slice(1 - most), toast];

function withChanged(held: readonly Held[], toast: Held): readonly Held[] {
  if (held.some(({ id }) => id === toast.id)) return held.map((one) => (one.id === toast.id ? toast : one));
  return toast.stays ? held : withToast(held, toast);
}

function ToastLine({ toast, onDone }: { toast: Held; onDone: () => void }) {
  const [isHeld, setHeld] = useState(false);
  const done = useRef(onDone);
  done.current = onDone;
  const { line, onFocus } = useFocusReturned();
  useEffect(() => {
    if (isHeld || toast.stays) return;
    const timer = setTimeout(() => done.current(), shownMs);
    return () => clearTimeout(timer);
  }, [isHeld, toast]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it does nothing; it only stays while somebody reads it.
    <div
      ref={line}
      className={style.toast}
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={(event) => {
        onFocus(event);
        setHeld(true);
      }}
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

/** Returns the focus to where it was when the focused element disappears. */
function useFocusReturned() {
  const line = useRef<HTMLDivElement>(null);
  const before = useRef<EventTarget>(null);
  // While it still exists: afterwards it is unknown that it had the focus.
  useLayoutEffect(
    () => () => {
      if (line.current?.contains(document.activeElement) && before.current instanceof HTMLElement)
        before.current.focus();
    },
    [],
  );
  const onFocus = ({ relatedTarget }: FocusEvent): void => {
    if (relatedTarget && !line.current?.contains(relatedTarget)) before.current = relatedTarget;
  };
  return { line, onFocus };
}
