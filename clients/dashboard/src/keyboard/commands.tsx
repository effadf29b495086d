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

/** Holds what can be done now, wherever it is offered, and runs it by its keys. */
export function CommandProvider({ children }: { children: ReactNode }) {
  const [registry] = useState(createCommandRegistry);
  useEffect(() => listenToKeys(registry.all), [registry]);
  return <CommandContext value={registry}>{children}</CommandContext>;
}

/** Offers commands while the component is shown. Their list must not be made anew at each rendering: use useMemo. */
export function useCommands(commands: readonly Command[]): void {
  const { offer } = useRegistry();
  const owner = useId();
  // Before the page is painted: whoever sees it may press its keys.
  useLayoutEffect(() => offer(owner, commands), [offer, owner, commands]);
}

/** Everything that can be done now. */
export function useAllCommands(): readonly Command[] {
  const { subscribe, all } = useRegistry();
  return useSyncExternalStore(subscribe, all);
}

function useRegistry(): CommandRegistry {
  const registry = use(CommandContext);
  if (!registry) throw new Error('There is no CommandProvider above this component.');
  return registry;
}
