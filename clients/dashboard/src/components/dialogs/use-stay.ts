import { useEffect, useRef } from 'react';

/** A page that is to stay. */
interface Stay {
  readonly here: string;
  onLeave(): void;
}

const stays = new Set<Stay>();

/** Call before the router first listens: who listens to Back first hears of it first, and the router would follow. */
export function startStaying(): void {
  window.addEventListener('popstate', (event) => {
    const stay = [...stays].at(-1);
    if (!stay) return;
    event.stopImmediatePropagation();
    // The browser is there already, and has to come back.
    window.history.pushState(null, '', stay.here);
    stay.onLeave();
  });
}

/**
 * Keeps the page while something in it would be lost. At Back and Forward it stays, and `onLeave` is told; before the tab is closed or loaded again
 * the browser asks in its own words.
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
