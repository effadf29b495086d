import type { Transport } from '@connectrpc/connect';
import { createContext, use, useSyncExternalStore } from 'react';
import type { User, Workspace } from '#gen/identity/v1/user_pb.ts';
import type { Session, SessionState } from './session.ts';

interface SessionParts {
  readonly session: Session;
  /** For calls that need no session: sign-up and log-in. */
  readonly anonymous: Transport;
}

export const SessionContext = createContext<SessionParts | undefined>(undefined);

export function useSessionParts(): SessionParts {
  const parts = use(SessionContext);
  if (!parts) throw new Error('There is no SessionContext above this component.');
  return parts;
}

export function useSessionState(): SessionState {
  const { session } = useSessionParts();
  return useSyncExternalStore(session.subscribe, session.state);
}

/** Whether the person may change who belongs to the workspace. */
export function useIsAdmin(): boolean {
  const { role } = usePerson().workspace;
  return role === 'owner' || role === 'admin';
}

/** Who is signed in; for pages, which are shown to nobody else. */
export function usePerson(): { user: User; workspace: Workspace } {
  const state = useSessionState();
  if (!('user' in state)) throw new Error('A page was shown to nobody.');
  return state;
}
