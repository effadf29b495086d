import type { ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { useOnline } from '../api/online.ts';
import { IconButton } from '../components/controls/button.tsx';
import { Icon, type IconName } from '../components/icon.tsx';
import { type Theme, themes, useTheme } from '../design/theme.ts';
import { useSingleKeys } from '../keyboard/single-keys.ts';
import { accountPath, homePath, routes } from '../routes.ts';
import { usePerson } from '../session/session-context.ts';
import { Mark } from './mark.tsx';
import style from './shell.module.css';
import { useShellCommands } from './shell-commands.tsx';
import { WorkspaceSwitcher } from './workspace-switcher.tsx';

/** The frame of every page: navigation, the signed-in person, and what is global. */
export function Shell({ children }: { children: ReactNode }) {
  const { user, workspace } = usePerson();
  const isOnline = useOnline();
  const [areSingleKeysOn] = useSingleKeys();
  const { dialog, openPalette, openShortcuts, logOut } = useShellCommands();
  return (
    <div className={style.shell}>
      <a className={style.skip} href="#main">
        Skip to the page
      </a>
      <header className={style.side}>
        <Link href={homePath} className={style.mark}>
          <Mark />
          Hopline
        </Link>
        <WorkspaceSwitcher />
        <nav className={style.nav} aria-label="Pages">
          {routes.map(
            ({ path, nav }) =>
              nav &&
              !nav.atFoot && (
                <NavLink key={path} href={path}>
                  <Icon name={nav.icon} />
                  {nav.label}
                </NavLink>
              ),
          )}
        </nav>
        <div className={style.foot}>
          <NavLink href={accountPath} className={style.person}>
            <Icon name="person" />
            <span className={style.who}>
              <span className="only-read">Account: </span>
              <strong dir="auto">{user.name || user.email}</strong>
              <span className={style.where}>{workspace.name}</span>
            </span>
          </NavLink>
          <div className={style.tools}>
            <IconButton icon="search" label="Find a command (Ctrl or ⌘ K)" small onClick={openPalette} />
            <IconButton
              icon="keyboard"
              label={`Keyboard shortcuts${areSingleKeysOn ? ' (?)' : ''}`}
              small
              onClick={openShortcuts}
            />
            <ThemeButton />
            <IconButton icon="leave" label="Log out" small onClick={logOut} />
          </div>
        </div>
      </header>
      <main id="main" className={style.main} tabIndex={-1}>
        {!isOnline && (
          <p className={style.offline} role="status">
            <Icon name="offline" /> You are offline. What you see may be out of date; nothing can be saved.
          </p>
        )}
        {children}
      </main>
      {dialog}
    </div>
  );
}

/** Says where one is: on the page itself, or below it. */
function NavLink({ href, className, children }: { href: string; className?: string | undefined; children: ReactNode }) {
  const [location] = useLocation();
  const isHere = location === href || location.startsWith(`${href}/`);
  return (
    <Link href={href} className={className} aria-current={isHere ? 'page' : undefined}>
      {children}
    </Link>
  );
}

function ThemeButton() {
  const [theme, setTheme] = useTheme();
  const next = themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'system';
  return (
    <IconButton
      icon={themeIcons[theme]}
      label={`Colours: ${theme}. Switch to ${next}`}
      small
      onClick={() => setTheme(next)}
    />
  );
}

const themeIcons = { system: 'halves', light: 'sun', dark: 'moon' } as const satisfies Record<Theme, IconName>;
