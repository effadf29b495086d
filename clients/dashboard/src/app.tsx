import { TransportProvider } from '@connectrpc/connect-query';
import { QueryClientProvider } from '@tanstack/react-query';
import { Suspense, useEffect, useMemo } from 'react';
import { Redirect, Route, Router, Switch, useLocation } from 'wouter';
import { createQueryClient } from './api/query-client.ts';
import { signedInTransport } from './api/transport.ts';
import { EmptyState, Skeleton } from './components/feedback/states.tsx';
import { ToastProvider } from './components/feedback/toasts.tsx';
import { CommandProvider } from './keyboard/commands.tsx';
import { keepFocus } from './keyboard/kept-focus.ts';
import { SignInAgain } from './pages/sign-in/sign-in-again.tsx';
import { LogInPage, SignUpPage } from './pages/sign-in/sign-in-pages.tsx';
import { homePath, routes } from './routes.ts';
import { usePerson, useSessionParts, useSessionState } from './session/session-context.ts';
import { PageBoundary } from './shell/page-boundary.tsx';
import { Shell } from './shell/shell.tsx';

/** The base path of all pages. */
const base = '/app';

export function App({ baseUrl }: { baseUrl: string }) {
  return (
    <Router base={base}>
      <ToastProvider>
        <CommandProvider>
          <Door baseUrl={baseUrl} />
        </CommandProvider>
      </ToastProvider>
    </Router>
  );
}

/** Shows the sign-in to anyone not signed in; the address keeps where they wanted to go. */
function Door({ baseUrl }: { baseUrl: string }) {
  const state = useSessionState();
  const [location] = useLocation();
  const isSignIn = location === '/log-in' || location === '/sign-up';
  if ('user' in state) {
    // A person of another account starts with nothing from the previous one, and so does one in another workspace.
    const key = `${state.user.id} ${state.workspace.id}`;
    return isSignIn ? <Redirect to={wanted()} replace /> : <SignedIn key={key} baseUrl={baseUrl} />;
  }
  // The router's search is decoded, which changes it: a `%26` would separate two parameters.
  const to = `${location}${window.location.search}`;
  if (!isSignIn) return <Redirect to={`/log-in?${new URLSearchParams({ to })}`} replace />;
  return location === '/log-in' ? <LogInPage /> : <SignUpPage />;
}

function SignedIn({ baseUrl }: { baseUrl: string }) {
  const { session } = useSessionParts();
  const { status } = useSessionState();
  const { user, workspace } = usePerson();
  useEffect(keepFocus, []);
  const queries = useMemo(createQueryClient, []);
  const transport = useMemo(
    () => signedInTransport(baseUrl, session, { userId: user.id, workspaceId: workspace.id }),
    [baseUrl, session, user.id, workspace.id],
  );
  useEffect(() => {
    // What failed for lack of a session is retried once there is one.
    if (status === 'signed-in') void queries.refetchQueries({ predicate: ({ state }) => state.status === 'error' });
  }, [status, queries]);
  return (
    <TransportProvider transport={transport}>
      <QueryClientProvider client={queries}>
        <Shell>
          <PageRoutes />
        </Shell>
        {status === 'expired' && <SignInAgain email={user.email} />}
      </QueryClientProvider>
    </TransportProvider>
  );
}

function PageRoutes() {
  const [location] = useLocation();
  return (
    <PageBoundary key={location}>
      <Suspense fallback={<Skeleton retry={() => window.location.reload()} />}>
        <Switch>
          {routes.map(({ path, page }) => (
            <Route key={path} path={path} component={page} />
          ))}
          <Route path="/">
            <Redirect to={homePath} replace />
          </Route>
          <Route>
            <EmptyState title="There is no such page" advice="Choose one from the navigation." />
          </Route>
        </Switch>
      </Suspense>
    </PageBoundary>
  );
}

/** The dashboard page named in the address, with its search; nothing that leads outside, such as `/../x`. */
function wanted(): string {
  const to = new URLSearchParams(window.location.search).get('to');
  if (!to?.startsWith('/')) return homePath;
  const { pathname, search } = new URL(`${base}${to}`, window.location.origin);
  return pathname.startsWith(`${base}/`) ? `${pathname.slice(base.length)}${search}` : homePath;
}
