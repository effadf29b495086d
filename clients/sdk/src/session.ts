import { Code, ConnectError } from '@connectrpc/connect';
import type { Session as SessionMessage } from '../gen/hop/identity/v1/user_pb.ts';
import { SessionChanged, toHoplineError } from './errors.ts';

/** As whom calls are made, and where. */
export interface Actor {
  readonly userId: string;
  readonly workspaceId: string;
}

/** The tokens of a signed-in person. */
export interface Session {
  readonly token: string;
  readonly refreshToken: string;
  /** When `token` expires by this machine's clock: milliseconds since 1970. */
  readonly expiresAtMs: number;
  /** Absent in what an earlier version of the client stored. */
  readonly actor?: Actor;
}

/** Storage in which a session outlives the client. Processes and tabs may share one: it is read again before a token is renewed. */
export interface SessionStore {
  read(): Session | undefined | Promise<Session | undefined>;
  /** Without a session: delete it. */
  write(session: Session | undefined): void | Promise<void>;
  /** Throws where nothing can be written now. A token is exchanged only after that: one whose successor is lost ends the session. */
  check?(): void | Promise<void>;
}

/** What a call is made with. */
export interface Bearer {
  readonly token: string;
  /** Absent: not known, or always the same. */
  readonly actor?: Actor;
}

/** Provides the credential of each call. */
export interface Credentials {
  /** The bearer of the next call; absent: call without one. */
  bearer(): Promise<Bearer | undefined>;
  /** The installation refused this token. Returns whether another can be had. */
  refused(token: string): boolean;
  /** Somebody signed in, or (without a session) out. */
  adopt(session: SessionMessage | undefined): Promise<void>;
  /** Moves the session of the person to another of their workspaces. */
  move(workspaceId: string): Promise<SessionMessage>;
}

/** Whether two calls are made as one person in one workspace, as far as that is known. */
export const isSameActor = (one: Actor | undefined, other: Actor | undefined): boolean =>
  !one || !other || (one.userId === other.userId && one.workspaceId === other.workspaceId);

/** One API key, for as long as it is valid, or none. */
export const fixedCredentials = (token: string | undefined): Credentials => ({
  bearer: async () => (token === undefined ? undefined : { token }),
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

/** The time from one sign-in or sign-out of this client to the next. */
interface Tenure {
  /** As whom it calls; absent: not known yet. */
  actor?: Actor | undefined;
}

interface SessionOptions {
  readonly store: SessionStore;
  /** Exchanges a refresh token for a new pair, of the given workspace if there is one. */
  readonly refresh: (refreshToken: string, workspaceId?: string) => Promise<SessionMessage>;
  readonly now: () => number;
}

/**
 * The tokens of a person, renewed before they expire, once for all waiting calls. A refresh token is valid once; another process that uses
 * the same one within the grace period of the contract (30 s) gets the same successor, and after that finds it in the store.
 *
 * The client acts as one person in one workspace until it signs in or moves itself: another process that shares the store and does so ends
 * its calls, instead of having the rest of its work done as somebody else, or elsewhere.
 */
export function sessionCredentials({ store, refresh, now }: SessionOptions): Credentials {
  let held: Session | undefined;
  let tenure: Tenure = {};
  let refusedToken: string | undefined;
  let renewal: Promise<Session | undefined> | undefined;
  const inTurn = turns();

  const isGood = (session: Session) => session.token !== refusedToken && session.expiresAtMs - now() > marginMs;

  function hold(session: Session | undefined, of: Tenure): Session | undefined {
    if (of !== tenure) throw new SessionChanged();
    if (!isSameActor(of.actor, session?.actor)) throw new SessionChanged();
    of.actor = session?.actor ?? of.actor;
    held = session;
    return session;
  }

  /**
   * Stores the successor of a session, and returns what is stored then. If somebody signed in or out meanwhile, here or in another process,
   * that is not undone. Another process that exchanged the same token has the same successor, and whoever moved the session has its newer
   * access token.
   */
  const replace = (session: Session, fresh: Session | undefined) =>
    inTurn(async () => {
      const kept = await store.read();
      const isOurs = kept && (kept.refreshToken === session.refreshToken || kept.refreshToken === fresh?.refreshToken);
      if (!isOurs) return kept;
      await store.write(fresh);
      return fresh;
    });

  async function renew(of: Tenure): Promise<Session | undefined> {
    const kept = await store.read();
    if (!kept || isGood(kept)) return hold(kept, of);
    let fresh: Session;
    try {
      await store.check?.();
      fresh = sessionOf(await refresh(kept.refreshToken), now());
    } catch (thrown) {
      const error = toHoplineError(thrown);
      if (error.reason === 'REFRESH_TOKEN_INVALID' || error.reason === 'REFRESH_TOKEN_REUSED') {
        const other = await replace(kept, undefined);
        if (other) return hold(other, of);
      } else if (kept.token !== refusedToken && kept.expiresAtMs > now()) return hold(kept, of);
      throw error;
    }
    return hold(await replace(kept, fresh), of);
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

  async function exchange(workspaceId: string, of: Tenure): Promise<SessionMessage> {
    const kept = await store.read();
    if (!kept) throw notSignedIn('Nobody is signed in.');
    if (of !== tenure || (of.actor && kept.actor && of.actor.userId !== kept.actor.userId)) throw new SessionChanged();
    await store.check?.();
    const message = await refresh(kept.refreshToken, workspaceId);
    const moved = sessionOf(message, now());
    if ((await replace(kept, moved)) !== moved) throw new SessionChanged();
    of.actor = undefined;
    hold(moved, of);
    return message;
  }

  return {
    async bearer() {
      const of = tenure;
      const isReady = !renewal && held && isGood(held);
      const session = isReady ? held : await (renewal ?? waitFor(renew(of)));
      if (of !== tenure) throw new SessionChanged();
      return session;
    },
    refused(token) {
      refusedToken = token;
      return true;
    },
    async adopt(message) {
      const session = message && sessionOf(message, now());
      // What is being renewed is no longer waited for.
      renewal = undefined;
      held = session;
      tenure = { actor: session?.actor };
      await inTurn(async () => store.write(session));
    },
    async move(workspaceId) {
      // Calls that are made meanwhile wait, and are then made in the new workspace.
      const before = renewal?.catch(() => {}) ?? Promise.resolve();
      const of = tenure;
      const moved = before.then(() => exchange(workspaceId, of));
      waitFor(
        moved.then(
          () => held,
          () => renew(of),
        ),
      );
      return await moved;
    },
  };
}

/** Runs one task after the other. */
function turns() {
  let last: Promise<unknown> = Promise.resolve();
  return <Result>(work: () => Promise<Result>): Promise<Result> => {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  };
}

const notSignedIn = (message: string): ConnectError => new ConnectError(message, Code.Unauthenticated);

function sessionOf({ token, refreshToken, expiresIn, user, workspace }: SessionMessage, nowMs: number): Session {
  if (token === '' || refreshToken === '') throw new ConnectError('The answer has no session.', Code.Internal);
  return {
    token,
    refreshToken,
    expiresAtMs: nowMs + expiresIn * 1_000,
    ...(user && workspace ? { actor: { userId: user.id, workspaceId: workspace.id } } : {}),
  };
}
