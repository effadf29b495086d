import { type ComponentType, type LazyExoticComponent, lazy } from 'react';
import type { IconName } from './components/icon.tsx';

export interface AppRoute {
  /** Below /app, as wouter writes it: `/links/:code`. */
  readonly path: string;
  readonly page: LazyExoticComponent<ComponentType>;
  /** Its place in the navigation, in the palette, and under `g` and a letter. */
  readonly nav?: {
    readonly label: string;
    readonly icon: IconName;
    readonly key: string;
    /** Reached by who is signed in, at the foot of the navigation, and not in its list. */
    readonly atFoot?: true;
  };
}

export const accountPath = '/account';

/** Every page behind the sign-in, each a chunk of its own. The first that matches is shown. */
export const routes: readonly AppRoute[] = [
  {
    path: '/overview',
    page: lazy(() => import('./pages/overview/overview-page.tsx')),
    nav: { label: 'Overview', icon: 'overview', key: 'o' },
  },
  {
    path: '/links',
    page: lazy(() => import('./pages/links/links-page.tsx')),
    nav: { label: 'Links', icon: 'links', key: 'l' },
  },
  { path: '/links/:code', page: lazy(() => import('./pages/link/link-page.tsx')) },
  {
    path: '/keys',
    page: lazy(() => import('./pages/keys/keys-page.tsx')),
    nav: { label: 'API keys', icon: 'key', key: 'k' },
  },
  {
    path: '/members',
    page: lazy(() => import('./pages/members/members-page.tsx')),
    nav: { label: 'Members', icon: 'people', key: 'm' },
  },
  // Where the URL of an invitation leads.
  { path: '/join', page: lazy(() => import('./pages/join/join-page.tsx')) },
  {
    path: '/sessions',
    page: lazy(() => import('./pages/sessions/sessions-page.tsx')),
    nav: { label: 'Sessions', icon: 'sessions', key: 'e' },
  },
  {
    path: '/system',
    page: lazy(() => import('./pages/system/system-page.tsx')),
    nav: { label: 'System', icon: 'system', key: 's' },
  },
  {
    path: accountPath,
    page: lazy(() => import('./pages/account/account-page.tsx')),
    nav: { label: 'Account', icon: 'person', key: 'a', atFoot: true },
  },
];

/** Where `/app/` leads. */
export const homePath = '/links';
