import { useEffect, useRef } from 'react';

/** A page that must not be left. */
interface Stay {
  readonly here: string;
  onLeave(): void;
}

const stays = new Set<Stay>();

/** Call before the router first listens: the first listener for Back hears it first, otherwise the router would follow. */
export function startStaying(): void {
  window.addEventListener('popstate', (event) => {
    const stay = [...stays].at(-1);
    if (!stay) return;
    event.stopImmediatePropagation();
    // The browser has already navigated, and has to come back.
    window.history.pushState(null, '', stay.here);
    stay.onLeave();
  });
}

/**
 * Keeps the page while something in it would be lost. Back and Forward do not leave it, and `onLeave` is called; before the tab is closed
 * or reloaded the browser itself asks.
 */
export function useStay(isHeld: boolean, onLeave: (() => void) | undefined): void {
  const told = useRef(onLeave);
  told.current = onLeave;
  useEffect(() => {
    if (!isHeld) return;
    const stay: Stay = { here: window.location.href, onLeave: () => told.current?.() };
    const ask = (event: BeforeUnloadEvent): void => event.preventDefault();
    stays.add(stay);
    window.addEventListener('beforeunload', ask);
    return () => {
      stays.delete(stay);
      window.removeEventListener('beforeunload', ask);
    };
  }, [isHeld]);
}
