/** One step up from an element: its parent, and its index there. */
interface Step {
  readonly parent: Element;
  readonly index: number;
}

const canHaveFocus = 'a[href], button:not(:disabled), input:not(:disabled), select, textarea, h1[tabindex]';

/**
 * When the focused element leaves the page, as a deleted row does, a browser drops the focus, and users of keyboards or screen readers
 * start at the top. So the focus moves to what has taken its place: the next row, else the last one, else the container, else the heading.
 * Returns a function to stop.
 */
export function keepFocus(): () => void {
  let held: Element | undefined;
  let way: readonly Step[] = [];
  let title: Element | null = null;
  let frame = 0;

  const remember = ({ target }: FocusEvent): void => {
    held = target instanceof Element ? target : undefined;
    way = held ? wayUp(held) : [];
    title = document.querySelector('main h1');
  };
  const forget = (): void => {
    // The focus was moved to nothing; a browser may report the same just before an element is removed.
    setTimeout(() => {
      if (held?.isConnected && document.activeElement === document.body) held = undefined;
    });
  };
  const look = (): void => {
    const isLost = held && !held.isConnected && document.activeElement === document.body;
    // Another page has another heading, and focuses it by itself.
    if (!isLost || !title?.isConnected) return;
    const heir = heirOf(way) ?? title;
    if (heir instanceof HTMLElement) heir.focus({ preventScroll: true });
  };
  const observer = new MutationObserver(() => {
    if (!held || held.isConnected) return;
    // The removed element may itself move the focus, as a dialog does; that takes precedence.
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(look);
  });
  document.addEventListener('focusin', remember);
  document.addEventListener('focusout', forget);
  observer.observe(document.body, { childList: true, subtree: true });
  return () => {
    document.removeEventListener('focusin', remember);
    document.removeEventListener('focusout', forget);
    observer.disconnect();
    cancelAnimationFrame(frame);
  };
}

function wayUp(from: Element): Step[] {
  const steps: Step[] = [];
  for (let child = from; child.parentElement && child !== document.body; child = child.parentElement)
    steps.push({ parent: child.parentElement, index: [...child.parentElement.children].indexOf(child) });
  return steps;
}

/** What is at that place, or before it, in the closest remaining ancestor. */
function heirOf(way: readonly Step[]): Element | undefined {
  for (const [depth, { parent, index }] of way.entries()) {
    if (!parent.isConnected) continue;
    if (parent === document.body) return undefined;
    for (const neighbour of [parent.children[index], parent.children[index - 1]]) {
      const heir = neighbour && (sameIn(neighbour, way.slice(0, depth)) ?? firstIn(neighbour));
      if (heir) return heir;
    }
    if (parent.matches('main')) return undefined;
  }
  return undefined;
}

/** The same control in a neighbour: for a row's button, that of the next row. */
function sameIn(neighbour: Element, below: readonly Step[]): Element | undefined {
  let found: Element | undefined = neighbour;
  for (const { index } of below.toReversed()) found = found?.children[index];
  return found && isFit(found) ? found : undefined;
}

/** The first on the screen: in a long list there are rows above. */
function firstIn(neighbour: Element): Element | undefined {
  const all = [neighbour, ...neighbour.querySelectorAll(canHaveFocus)].filter(isFit);
  return all.find((element) => element.getBoundingClientRect().top >= 0) ?? all[0];
}

const isFit = (element: Element): boolean =>
  element.matches(canHaveFocus) && element.checkVisibility() && !element.closest('[inert]');
