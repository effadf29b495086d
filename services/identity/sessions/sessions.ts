import { createHash, createHmac, randomBytes } from 'node:crypto';
import { notFound, unauthenticated } from '#runtime/errors/errors.ts';
import { pageSizeOf } from '#runtime/rpc/page-size.ts';
import { rowTokens } from '#runtime/rpc/page-token.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { loginFailed } from '../accounts/accounts.ts';
import { inBatches } from '../in-batches.ts';
import type { Account, HeldToken, KeptToken, OpenSession, SessionStore, TokenDecision } from '../store.ts';
import type { IssueAccessToken, IssuedToken } from './access-token.ts';

/** What a person receives after signing in. */
export interface SignedIn {
  readonly account: Account;
  readonly access: IssuedToken;
  readonly refreshToken: string;
}

export interface Sessions {
  /** client is the program that signed in, to be shown to the person. */
  open(account: Account, client: string): Promise<SignedIn>;
  refresh(refreshToken: string, options: RefreshOptions): Promise<SignedIn>;
  /** A page of a person's open sessions, the most recently used first. */
  list(userId: string, page: PageRequest): Promise<SessionPage>;
  /** False: the person has no such session, or it is already over. */
  end(sessionId: string, userId: string): Promise<boolean>;
  /** Ends all of a person's sessions but the kept one; returns how many. */
  endOthers(keptId: string, userId: string): Promise<number>;
}

interface RefreshOptions {
  /** The workspace that the session moves to; undefined: it stays. */
  readonly workspaceId?: string | undefined;
  /** Called with the session that is ended because its token had been used before. */
  readonly onReuse?: (held: HeldToken) => void;
}

interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

interface SessionPage {
  readonly sessions: readonly OpenSession[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

interface SessionParts {
  readonly store: SessionStore;
  readonly issue: IssueAccessToken;
  readonly refreshLifetimeMs: number;
  /** For how long a used token is still answered with the same successor. */
  readonly graceMs: number;
  readonly now?: () => number;
}

const prefix = 'hopr_';
const wellFormed = /^hopr_[A-Za-z0-9_-]{43}$/;
const secretBytes = 32;
const defaultPageSize = 100;

/**
 * A session is a family of refresh tokens, each valid for one exchange. A client that lost the response asks again and gets the same
 * successor; whoever uses the token after the grace period holds a copy, and it is impossible to tell which of the two is the thief, so the
 * family ends.
 */
export function createSessions({ store, issue, refreshLifetimeMs, graceMs, now = Date.now }: SessionParts): Sessions {
  const kept = (token: string, at: number): KeptToken => ({
    hash: hashOf(token),
    expiresAt: new Date(at + refreshLifetimeMs),
  });

  return {
    async open(account, client) {
      const refreshToken = prefix + randomBytes(secretBytes).toString('base64url');
      const opened = await store.openSession({ account, token: kept(refreshToken, now()), client });
      // The password was changed after it was checked, so by now it is wrong; or the person was removed from the workspace, and the next
      // log-in leads to another one.
      if (!opened) throw loginFailed();
      const present = { ...account, role: opened.role };
      return { account: present, access: await issue(present, opened.id), refreshToken };
    },

    async refresh(refreshToken, { workspaceId, onReuse }) {
      if (!wellFormed.test(refreshToken)) throw tokenInvalid();
      const nonce = randomBytes(secretBytes);
      const at = now();
      const used = await store.useRefreshToken(hashOf(refreshToken), {
        decide: (held) => judge(held, at, graceMs, { nonce, successor: kept(successorOf(refreshToken, nonce), at) }),
        workspaceId,
      });
      if (used === 'no_member') throw notFound('WORKSPACE_NOT_FOUND', 'There is no such workspace.');
      if (!used || used.decision.kind === 'refuse') throw tokenInvalid();
      if (used.decision.kind === 'revoke') {
        tokensReused.add(1);
        onReuse?.(used.held);
        throw tokenReused();
      }
      const { account, sessionId } = used.held;
      const successor = successorOf(refreshToken, used.decision.nonce);
      return { account, access: await issue(account, sessionId), refreshToken: successor };
    },

    async list(userId, { pageSize, pageToken }) {
      const limit = pageSizeOf(pageSize, defaultPageSize);
      const question = ['sessions', userId];
      const after = pageToken === '' ? undefined : rowTokens.read(question, pageToken);
      const found = await store.listSessions({ userId, at: new Date(now()), after, limit: limit + 1 });
      const sessions = found.slice(0, limit);
      const last = found.length > limit ? sessions.at(-1) : undefined;
      return { sessions, nextPageToken: last ? rowTokens.write(question, { at: last.renewedAt, id: last.id }) : '' };
    },
    end: (sessionId, userId) => store.revokeSession(sessionId, userId, new Date(now())),
    async endOthers(keptId, userId) {
      const at = new Date(now());
      return inBatches((limit) => store.revokeOtherSessions(keptId, userId, at, limit));
    },
  };
}

const tokensReused = counter(metric.tokensReused);

function judge(
  held: HeldToken,
  at: number,
  graceMs: number,
  fresh: { readonly nonce: Buffer; readonly successor: KeptToken },
): TokenDecision {
  if (held.revoked || held.expiresAt.getTime() <= at) return { kind: 'refuse' };
  if (!held.replacedAt) return { kind: 'rotate', at: new Date(at), ...fresh };
  const isInGrace = at - held.replacedAt.getTime() <= graceMs;
  if (isInGrace && held.successorNonce) return { kind: 'repeat', nonce: held.successorNonce };
  return { kind: 'revoke', at: new Date(at) };
}

/**
 * The successor is derived from the token and a random nonce that the database keeps for the grace period: a thief with only one of the two
 * cannot compute it, and neither the token nor its successor is stored.
 */
function successorOf(token: string, nonce: Buffer): string {
  return prefix + createHmac('sha256', token).update('successor').update(nonce).digest('base64url');
}

// A fast hash is enough: there are 256 random bits to guess.
function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

export function tokenInvalid(): Error {
  return unauthenticated('REFRESH_TOKEN_INVALID', 'The refresh token is not valid; sign in again.');
}

function tokenReused(): Error {
  return unauthenticated(
    'REFRESH_TOKEN_REUSED',
    'The refresh token was used before; the session is ended, sign in again.',
  );
}
