import { Code, ConnectError } from '@connectrpc/connect';
import type { Session as SessionMessage, User, Workspace } from '#gen/identity/v1/user_pb.ts';
import { isSignedOut } from '../api/problem.ts';

/**
 * The state of the session. `restoring`: not known yet. `expired`: somebody was signed in, and what is on the screen is theirs, but no call
 * succeeds until they sign in again.
 */
export type SessionState =
  | { readonly status: 'restoring' | 'signed-out' }
  | { readonly status: 'signed-in' | 'expired'; readonly user: User; readonly workspace: Workspace };

/** The calls of identity for a session; each sets the cookie, and returns no refresh token. */
export interface SessionCalls {
  /** With a workspace: the session moves there. */
  refresh(workspaceId?: string): Promise<SessionMessage>;
  logOut(token: string): Promise<void>;
}

/** Messages between tabs. A token is sent, never stored: everything is in memory. */
export type TabMessage =
  /** `isRenewal`: nobody signed in, a page traded the cookie. A page of an earlier version does not say so. */
  | { readonly kind: 'session'; readonly session: SessionMessage; readonly isRenewal?: boolean }
  | { readonly kind: 'signed-out' };

export interface Tabs {
  tell(message: TabMessage): void;
  hear(listener: (message: TabMessage) => void): void;
  /** Runs one task at a time across all tabs. */
  exclusively<Result>(work: () => Promise<Result>): Promise<Result>;
}

export interface Session {
  state(): SessionState;
  subscribe(listener: () => void): () => void;
  /** Finds out whether the browser has a session. Rejects when that cannot be determined. */
  restore(): Promise<void>;
  /** A token that is valid for a while yet. Rejects as UNAUTHENTICATED when there is none. */
  token(): Promise<string>;
  /** Discards a token that a service refused, unless a newer one is already there. */
  refused(token: string): void;
  /** Exchanges the token for one with the present details of the person, here and in all tabs. */
  renew(): Promise<void>;
  /** Moves to another workspace of the person, here and in all tabs. */
  move(workspaceId: string): Promise<void>;
  /** Adopts the answer of sign-up or log-in. */
  open(session: SessionMessage): void;
  /** Ends the session here and in all tabs. */
  close(): Promise<void>;
  /** Discards it here and in all tabs: it has already ended. */
  forget(): void;
}

interface Held {
  readonly token: string;
  /** When it is traded for the next, in milliseconds of `now`. */
  readonly goodUntil: number;
}

/** A token is renewed this long before its expiry, so that none expires on its way to a service. */
const marginMs = 30_000;

export function createSession(calls: SessionCalls, tabs: Tabs, now: () => number = () => performance.now()): Session {
  let state: SessionState = { status: 'restoring' };
  let held: Held | undefined;
  let flight: Promise<string> | undefined;
  const listeners = new Set<() => void>();

  const become = (next: SessionState): void => {
    state = next;
    for (const listener of listeners) listener();
  };

  const take = (message: SessionMessage): string => {
    const { token, expiresIn, user, workspace } = message;
    if (!user || !workspace) throw new Error('A session without user or workspace.');
    held = { token, goodUntil: now() + Math.max(expiresIn * 1_000 - marginMs, expiresIn * 500) };
    become({ status: 'signed-in', user, workspace });
    return token;
  };

  const lose = (): void => {
    held = undefined;
    become('user' in state ? { ...state, status: 'expired' } : { status: 'signed-out' });
  };

  /**
   * Somebody else's cookie can come into the browser unnoticed: a page of a sibling host can set one for the whole domain. The page of one
   * person, with what was typed there, does not become that of another by itself.
   */
  const isOfAnother = ({ user }: SessionMessage): boolean => 'user' in state && state.user.id !== user?.id;

  /** The answer is for all tabs, whichever of them moved the session. */
  const exchange = async (workspaceId?: string): Promise<string> => {
    const message = await calls.refresh(workspaceId);
    if (isOfAnother(message)) throw new ConnectError('The cookie is that of somebody else.', Code.Unauthenticated);
    tabs.tell({ kind: 'session', session: message, isRenewal: true });
    return take(message);
  };

  const refresh = (): Promise<string> =>
    tabs.exclusively(async () => {
      // Another tab may have renewed it while this one waited for its turn.
      if (held && held.goodUntil > now()) return held.token;
      try {
        return await exchange();
      } catch (error) {
        if (!isSignedOut(error)) throw error;
        // Somebody signed in meanwhile: the refused token is of the previous session.
        if (held && held.goodUntil > now()) return held.token;
        lose();
        throw error;
      }
    });

  const token = async (): Promise<string> => {
    if (held && held.goodUntil > now()) return held.token;
    flight ??= refresh().finally(() => {
      flight = undefined;
    });
    return flight;
  };

  const forget = (): void => {
    held = undefined;
    tabs.tell({ kind: 'signed-out' });
    become({ status: 'signed-out' });
  };

  tabs.hear((message) => {
    if (message.kind === 'session') {
      if (!message.isRenewal || !isOfAnother(message.session)) take(message.session);
    } else {
      held = undefined;
      become({ status: 'signed-out' });
    }
  });

  return {
    state: () => state,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async restore() {
      try {
        await token();
      } catch (error) {
        if (!isSignedOut(error)) throw error;
      }
    },
    token,
    refused(old) {
      if (held?.token === old) held = undefined;
    },
    async renew() {
      held = undefined;
      await token();
    },
    async move(workspaceId) {
      await tabs.exclusively(() => exchange(workspaceId));
    },
    open(message) {
      tabs.tell({ kind: 'session', session: message });
      take(message);
    },
    async close() {
      try {
        await calls.logOut(await token());
      } catch (error) {
        // Whoever is already signed out has what was asked for.
        if (!isSignedOut(error)) throw error;
      }
      forget();
    },
    forget,
  };
}
