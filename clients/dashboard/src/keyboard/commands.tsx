import {
  createContext,
  type ReactNode,
  use,
  useEffect,
  useId,
  useLayoutEffect,
  useState,
  useSyncExternalStore,
} from 'react';
import { type Command, type CommandRegistry, createCommandRegistry } from './command-registry.ts';
import { listenToKeys } from './keys.ts';

const CommandContext = createContext<CommandRegistry | undefined>(undefined);

/** Holds the available commands, wherever they are offered, and runs them by their keys. */
export function CommandProvider({ children }: { children: ReactNode }) {
  const [registry] = useState(createCommandRegistry);
  useEffect(() => listenToKeys(registry.all), [registry]);
  return <CommandContext value={registry}>{children}</CommandContext>;
}

/** Offers commands while the component is mounted. The list must be stable across renders: use useMemo. */
export function useCommands(commands: readonly Command[]): void {
  const { offer } = useRegistry();
  const owner = useId();
  // Before the page is painted: whoever sees it may press its keys.
  useLayoutEffect(() => offer(owner, commands), [offer, owner, commands]);
}

/** All available commands. */
export function useAllCommands(): readonly Command[] {
  const { subscribe, all } = useRegistry();
  return useSyncExternalStore(subscribe, all);
}

function useRegistry(): CommandRegistry {
  const registry = use(CommandContext);
  if (!registry) throw new Error('There is no CommandProvider above this component.');
  return registry;
}
