import type { IconName } from '../components/icon.tsx';

export interface Command {
  /** What it does, in the words of the palette and the shortcut list: "Create a link". */
  readonly label: string;
  readonly run: () => void;
  /** A key, or two in a row: `c`, `/`, `g l`. `mod+k` is Ctrl or Cmd with k. */
  readonly keys?: string;
  readonly icon?: IconName;
  /** Its group in the shortcut list. */
  readonly group: string;
  /** True: available by its keys and in the shortcut list, not in the palette. */
  readonly isHidden?: boolean;
}

export interface CommandRegistry {
  /** All available commands; the same array until they change. */
  all(): readonly Command[];
  /** Replaces the commands of an owner. Returns a function that removes them. */
  offer(owner: string, commands: readonly Command[]): () => void;
  subscribe(listener: () => void): () => void;
}

/** The available commands. Not React state: a key has to find its command as soon as the page is on the screen. */
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
