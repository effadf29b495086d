/** One step up from an element: what it is in, and the how-manieth child it is there. */
interface Step {
  readonly parent: Element;
  readonly index: number;
}

const canHaveFocus = 'a[href], button:not(:disabled), input:not(:disabled), select, textarea, h1[tabindex]';

/**
 * Where what has the focus leaves the page, as a row that is deleted does, a browser gives the focus to nothing, and who works by keyboard or by
 * ear begins at the top. So it is given to what has taken the place: the next row, else the last one, else what is around, else the title.
 * Answers what ends it.
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
    // Somebody left it, for nothing else; of what is taken away a browser may say the same, a moment before.
    setTimeout(() => {
      if (held?.isConnected && document.activeElement === document.body) held = undefined;
    });
  };
  const look = (): void => {
    const isLost = held && !held.isConnected && document.activeElement === document.body;
    // Another page has another title, and takes the focus there by itself.
    if (!isLost || !title?.isConnected) return;
    const heir = heirOf(way) ?? title;
    if (heir instanceof HTMLElement) heir.focus({ preventScroll: true });
  };
  const observer = new MutationObserver(() => {
    if (!held || held.isConnected) return;
    // What went away may itself say where the focus goes, as a dialog does; that comes first.
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

/** What stands in the place, or before it, in the closest thing that is still there. */
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

/** The same thing in a neighbour: of a row's button, that of the next row. */
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
