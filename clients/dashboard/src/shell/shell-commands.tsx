import { lazy, type ReactNode, Suspense, useEffect, useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import { problemOf } from '../api/problem.ts';
import { useToast } from '../components/feedback/toasts.tsx';
import type { Command } from '../keyboard/command-registry.ts';
import { useCommands } from '../keyboard/commands.tsx';
import { routes } from '../routes.ts';
import { useSessionParts } from '../session/session-context.ts';

const loadPalette = () => import('../keyboard/palette.tsx');
const Palette = lazy(loadPalette);
const ShortcutSheet = lazy(() => import('../keyboard/shortcut-sheet.tsx'));

type Open = 'palette' | 'shortcuts' | undefined;

interface ShellCommands {
  /** The dialog that is open, if any. */
  readonly dialog: ReactNode;
  openPalette(): void;
  openShortcuts(): void;
  logOut(): void;
}

/** What can be done on every page. */
export function useShellCommands(): ShellCommands {
  const [open, setOpen] = useState<Open>();
  const [, go] = useLocation();
  const { session } = useSessionParts();
  const tell = useToast();

  const parts = useMemo(() => {
    const openPalette = () => setOpen('palette');
    const openShortcuts = () => setOpen('shortcuts');
    const logOut = () => {
      session.close().catch((error: unknown) => {
        const { title, advice } = problemOf(error);
        tell({ text: `Not logged out. ${title}: ${advice}` });
      });
    };
    const pages = routes.flatMap(({ path, nav }): Command[] =>
      nav
        ? [{ label: `Go to ${nav.label}`, run: () => go(path), keys: `g ${nav.key}`, icon: nav.icon, group: 'Go to' }]
        : [],
    );
    const always: Command[] = [
      { label: 'Find a command', run: openPalette, keys: 'mod+k', group: 'Everywhere', isHidden: true },
      { label: 'Keyboard shortcuts', run: openShortcuts, keys: '?', icon: 'keyboard', group: 'Everywhere' },
      { label: 'Log out', run: logOut, icon: 'leave', group: 'Everywhere' },
    ];
    return { openPalette, openShortcuts, logOut, commands: [...pages, ...always] };
  }, [go, session, tell]);
  useCommands(parts.commands);
  // Ahead of the first use: what is typed right after Ctrl-K belongs to it.
  useEffect(() => void loadPalette().catch(() => {}), []);

  const close = (): void => setOpen(undefined);
  const dialog = (
    <Suspense fallback={null}>
      {open === 'palette' && <Palette onClose={close} />}
      {open === 'shortcuts' && <ShortcutSheet onClose={close} />}
    </Suspense>
  );
  return { ...parts, dialog };
}
