import type { IconName } from '../components/icon.tsx';

export interface Command {
  /** What it does, as the palette and the sheet of shortcuts say it: "Create a link". */
  readonly label: string;
  readonly run: () => void;
  /** A key, or two in a row: `c`, `/`, `g l`. `mod+k` is Ctrl or Cmd with k. */
  readonly keys?: string;
  readonly icon?: IconName;
  /** Under which the sheet lists it. */
  readonly group: string;
  /** True: found by its keys and on the sheet, not in the palette. */
  readonly isHidden?: boolean;
}

export interface CommandRegistry {
  /** Everything that can be done now; the same array until that changes. */
  all(): readonly Command[];
  /** Offers the commands of an owner in the place of those before. Answers how to take them back. */
  offer(owner: string, commands: readonly Command[]): () => void;
  subscribe(listener: () => void): () => void;
}

/** What can be done now. It is no state of React's: a key has to find its command in the moment that the page is on the screen. */
export function createCommandRegistry(): CommandRegistry {
  const byOwner = new Map<string, readonly Command[]>();
  const listeners = new Set<() => void>();
  let all: readonly Command[] = [];
  const changed = (): void => {
    all = [...byOwner.values()].flat();
    for (const listener of listeners) listener();
  };
  return {
    all: () => all,
    offer(owner, commands) {
      byOwner.set(owner, commands);
      changed();
      return () => {
        byOwner.delete(owner);
        changed();
      };
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
