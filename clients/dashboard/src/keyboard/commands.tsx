import { createContext, type ReactNode, use, useCallback, useEffect, useId, useMemo, useRef, useState } from 'react';
import type { IconName } from '../components/icon.tsx';
import { listenToKeys } from './keys.ts';

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

interface Registry {
  readonly commands: readonly Command[];
  register(owner: string, commands: readonly Command[] | undefined): void;
}

const CommandContext = createContext<Registry | undefined>(undefined);

/** Holds what can be done now, wherever it is offered, and runs it by its keys. */
export function CommandProvider({ children }: { children: ReactNode }) {
  const [byOwner, setByOwner] = useState<ReadonlyMap<string, readonly Command[]>>(new Map());
  const register = useCallback<Registry['register']>((owner, commands) => {
    setByOwner((before) => {
      const after = new Map(before);
      if (commands) after.set(owner, commands);
      else after.delete(owner);
      return after;
    });
  }, []);
  const registry = useMemo(() => ({ commands: [...byOwner.values()].flat(), register }), [byOwner, register]);
  const current = useRef(registry.commands);
  current.current = registry.commands;
  useEffect(() => listenToKeys(() => current.current), []);
  return <CommandContext value={registry}>{children}</CommandContext>;
}

/** Offers commands while the component is shown. Their list must not be made anew at each rendering: use useMemo. */
export function useCommands(commands: readonly Command[]): void {
  const { register } = useRegistry();
  const owner = useId();
  useEffect(() => {
    register(owner, commands);
    return () => register(owner, undefined);
  }, [register, owner, commands]);
}

/** Everything that can be done now. */
export const useAllCommands = (): readonly Command[] => useRegistry().commands;

function useRegistry(): Registry {
  const registry = use(CommandContext);
  if (!registry) throw new Error('There is no CommandProvider above this component.');
  return registry;
}
