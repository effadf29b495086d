import { Code, ConnectError } from '@connectrpc/connect';
import type { Session as SessionMessage } from '../gen/hop/identity/v1/user_pb.ts';
import { toHoplineError } from './errors.ts';

/** The tokens of a signed-in person. */
export interface Session {
  readonly token: string;
  readonly refreshToken: string;
  /** When `token` expires by this machine's clock: milliseconds since 1970. */
  readonly expiresAtMs: number;
}

/** Storage in which a session outlives the client. Processes and tabs may share one: it is read again before a token is renewed. */
export interface SessionStore {
  read(): Session | undefined | Promise<Session | undefined>;
  /** Without a session: delete it. */
  write(session: Session | undefined): void | Promise<void>;
}

/** Provides the credential of each call. */
export interface Credentials {
  /** The bearer token for the next call; absent: call without one. */
  token(): Promise<string | undefined>;
  /** The installation refused this one. Returns whether another can be had. */
  refused(token: string): boolean;
  /** Somebody signed in, or (without a session) out. */
  adopt(session: SessionMessage | undefined): Promise<void>;
  /** Moves the session of the person to another of their workspaces. */
  move(workspaceId: string): Promise<SessionMessage>;
}

/** One API key, for as long as it is valid, or none. */
export const fixedCredentials = (token: string | undefined): Credentials => ({
  token: async () => token,
  refused: () => false,
  adopt: async () => {},
  move: async () => {
    throw notSignedIn('An API key acts in one workspace; sign in to choose another one.');
  },
});

export function memoryStore(): SessionStore {
  let held: Session | undefined;
  return {
    read: () => held,
    write: (session) => {
      held = session;
    },
  };
}

/** A token this close to its expiry is renewed before use: calls take a while, and clocks differ. */
const marginMs = 20_000;

interface SessionOptions {
  readonly store: SessionStore;
  /** Exchanges a refresh token for a new pair, of the given workspace if there is one. */
  readonly refresh: (refreshToken: string, workspaceId?: string) => Promise<SessionMessage>;
  readonly now: () => number;
}

/**
 * The tokens of a person, renewed before they expire, once for all waiting calls. A refresh token is valid once; another process that uses
 * the same one within the grace period of the contract (30 s) gets the same successor, and after that finds it in the store.
 */
export function sessionCredentials({ store, refresh, now }: SessionOptions): Credentials {
  let held: Session | undefined;
  let refusedToken: string | undefined;
  let renewal: Promise<Session | undefined> | undefined;

  const isGood = (session: Session) => session.token !== refusedToken && session.expiresAtMs - now() > marginMs;

  async function keep(session: Session | undefined): Promise<Session | undefined> {
    held = session;
    await store.write(session);
    return session;
  }

  /**
   * If somebody signed in or out during a renewal, here or in another process, the renewal does not undo it. Another process that exchanged
   * the same token has the same successor, and whoever moved the session has its newer access token.
   */
  async function successor(of: Session, fresh: Session | undefined): Promise<Session | undefined> {
    const kept = await store.read();
    if (kept?.refreshToken === of.refreshToken || (kept && kept.refreshToken === fresh?.refreshToken))
      return await keep(fresh);
    held = kept;
    return kept;
  }

  async function renew(): Promise<Session | undefined> {
    const kept = await store.read();
    if (!kept || isGood(kept)) {
      held = kept;
      return kept;
    }
    try {
      return await successor(kept, sessionOf(await refresh(kept.refreshToken), now()));
    } catch (thrown) {
      const error = toHoplineError(thrown);
      if (error.reason === 'REFRESH_TOKEN_INVALID' || error.reason === 'REFRESH_TOKEN_REUSED') {
        const other = await successor(kept, undefined);
        if (other) return other;
      } else if (kept.token !== refusedToken && kept.expiresAtMs > now()) return kept;
      throw error;
    }
  }

  /** Whoever needs a token meanwhile waits for this one. */
  function waitFor(next: Promise<Session | undefined>): Promise<Session | undefined> {
    const turn = next.finally(() => {
      if (renewal === turn) renewal = undefined;
    });
    turn.catch(() => {});
    renewal = turn;
    return turn;
  }

  async function exchange(workspaceId: string): Promise<SessionMessage> {
    const kept = await store.read();
    if (!kept) throw notSignedIn('Nobody is signed in.');
    const moved = await refresh(kept.refreshToken, workspaceId);
    await successor(kept, sessionOf(moved, now()));
    return moved;
  }

  return {
    async token() {
      if (held && isGood(held)) return held.token;
      return (await (renewal ?? waitFor(renew())))?.token;
    },
    refused(token) {
      refusedToken = token;
      return true;
    },
    async adopt(session) {
      await keep(session && sessionOf(session, now()));
    },
    async move(workspaceId) {
      // Calls that are made meanwhile wait, and are then made in the new workspace.
      held = undefined;
      const before = renewal?.catch(() => {}) ?? Promise.resolve();
      const moved = before.then(() => exchange(workspaceId));
      waitFor(moved.then(() => held, renew));
      return await moved;
    },
  };
}

const notSignedIn = (message: string): ConnectError => new ConnectError(message, Code.Unauthenticated);

const sessionOf = ({ token, refreshToken, expiresIn }: SessionMessage, nowMs: number): Session => ({
  token,
  refreshToken,
  expiresAtMs: nowMs + expiresIn * 1_000,
});
