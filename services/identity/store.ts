import type { RowPlace } from '#runtime/rpc/page-token.ts';
import type { Role, Scope } from './roles.ts';

/** A person with the workspace that is asked about. */
export interface Account {
  readonly userId: string;
  readonly email: string;
  readonly name: string;
  readonly createdAt: Date;
  /** Which password it was when this was read: it grows with each change. */
  readonly passwordVersion: number;
  readonly workspaceId: string;
  readonly workspaceName: string;
  /** The role held in that workspace, now. */
  readonly role: Role;
}

/** A refresh token as it is kept. */
export interface KeptToken {
  /** SHA-256 of its text. */
  readonly hash: Buffer;
  readonly expiresAt: Date;
}

interface NewAccount {
  readonly email: string;
  readonly emailKey: string;
  readonly name: string;
  readonly workspaceName: string;
  readonly passwordHash: string;
}

/** What a password is compared with. */
export interface PasswordRecord {
  /** How often a password was wrong for this email in the running window, or is being checked. */
  readonly failures: number;
  readonly passwordHash: string | undefined;
}

/** A log-in, or the like, that is counted. */
export interface LoginAttempt {
  /** Failures of the window without this one; attempts that are being checked are among them. */
  readonly failuresBefore: number;
  readonly windowStartedAt: Date;
}

export interface LoginRecord extends PasswordRecord {
  readonly account: Account | undefined;
}

/** The password of somebody who is signed in. */
export interface OwnPassword extends PasswordRecord {
  readonly email: string;
  readonly emailKey: string;
  readonly passwordVersion: number;
  /** The session that changed it last; undefined: it is the one of the sign-up. */
  readonly changedBy: string | undefined;
}

interface NewPassword {
  readonly userId: string;
  /** Of the password that was checked. */
  readonly version: number;
  readonly passwordHash: string;
  readonly keptSessionId: string;
  readonly at: Date;
}

/** What is undefined stays. */
export interface UserChange {
  readonly userId: string;
  readonly workspaceId: string;
  readonly name: string | undefined;
  /** With the version of the password that was checked for it. */
  readonly email?: { readonly given: string; readonly key: string; readonly passwordVersion: number };
}

/** A refresh token that somebody presents, with its session; the row is locked. */
export interface HeldToken {
  readonly sessionId: string;
  readonly account: Account;
  readonly expiresAt: Date;
  readonly replacedAt: Date | undefined;
  /** With the token's text this gives the successor; undefined when there is none or the grace is over. */
  readonly successorNonce: Buffer | undefined;
  readonly revoked: boolean;
}

export type TokenDecision =
  | { readonly kind: 'rotate'; readonly at: Date; readonly nonce: Buffer; readonly successor: KeptToken }
  | { readonly kind: 'repeat'; readonly nonce: Buffer }
  | { readonly kind: 'revoke'; readonly at: Date }
  | { readonly kind: 'refuse' };

/** A session that has neither ended nor been ended. */
export interface OpenSession {
  readonly id: string;
  /** What signed in; empty where it did not say. */
  readonly client: string;
  readonly createdAt: Date;
  /** When its refresh token was last traded. */
  readonly renewedAt: Date;
  readonly expiresAt: Date;
}

interface NewSession {
  readonly account: Pick<Account, 'userId' | 'workspaceId' | 'passwordVersion'>;
  readonly token: KeptToken;
  /** What signed in. */
  readonly client?: string;
}

interface SessionQuery {
  readonly userId: string;
  /** Those that are over by then are left out. */
  readonly at: Date;
  /** The last session of the page before. */
  readonly after: RowPlace | undefined;
  readonly limit: number;
}

export interface ApiKeyRecord {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: Date;
  readonly expiresAt: Date | undefined;
  readonly lastUsedAt: Date | undefined;
}

export interface NewApiKey {
  readonly userId: string;
  readonly workspaceId: string;
  readonly name: string;
  readonly prefix: string;
  readonly secretHash: Buffer;
  readonly scopes: readonly Scope[];
  /** Undefined: when the parent ends, or never. */
  readonly expiresAt: Date | undefined;
  /** The key that makes this one; undefined: a person does. */
  readonly parentId: string | undefined;
}

/** Why a key was not made: too many, nobody's, or its parent is gone or ends before it. */
export type ApiKeyRefusal = 'limit_reached' | 'no_member' | 'parent_gone' | 'outlives_parent';

/** A key that somebody presents. */
export interface HeldApiKey extends ApiKeyRecord {
  readonly userId: string;
  readonly workspaceId: string;
  readonly role: Role;
}

/** How far a reader of revocations got. */
export interface RevocationPosition {
  /** The primary's system identifier and timeline: a promoted replica has another timeline, a restored dump another system. */
  readonly primary: string;
  /** What was visible when everything before was told, as `snapshot@seconds`, or `snapshot` alone; undefined: the reader began with the window. */
  readonly since: string | undefined;
  /** Set while an answer that had to be cut is continued: the moment that it ends with, written alike, and the last row told. */
  readonly cut: { readonly until: string; readonly after: string } | undefined;
}

export interface RevocationPage {
  readonly credentialIds: readonly string[];
  readonly position: RevocationPosition;
}

export interface SweepTimes {
  /** Sessions that ended before are deleted, with their tokens. */
  readonly sessionsBefore: Date;
  /** Refresh tokens that ended before are deleted. */
  readonly tokensBefore: Date;
  /** Nonces of tokens that were replaced before are forgotten. */
  readonly noncesBefore: Date;
  readonly revocationsBefore: Date;
  readonly loginFailuresBefore: Date;
  readonly revokedKeysBefore: Date;
}

export interface AccountStore {
  isEmailTaken(emailKey: string): Promise<boolean>;
  /** Makes person, personal workspace and membership as owner. */
  createAccount(account: NewAccount): Promise<Account | 'email_taken'>;
  /** Takes the same work for a known and an unknown email. */
  findLogin(emailKey: string, failuresSince: Date): Promise<LoginRecord>;
  /** Counts an attempt as a failure, until it turns out to be none. */
  countLoginAttempt(emailKey: string, at: Date, failuresSince: Date): Promise<LoginAttempt>;
  /** Of an attempt whose password was not looked at. Does nothing once its window is over or was cleared. */
  uncountLoginAttempt(emailKey: string, attempt: LoginAttempt): Promise<void>;
  clearLoginFailures(emailKey: string): Promise<void>;
  /** Replaces the hash unless somebody else has done so. */
  replacePasswordHash(userId: string, old: string, replacement: string): Promise<void>;
  findAccount(userId: string, workspaceId: string): Promise<Account | undefined>;
  /** Undefined: there is no such person. */
  findPassword(userId: string, failuresSince: Date): Promise<OwnPassword | undefined>;
  /** Ends all sessions but the one that is kept with it, and answers how many; undefined: the password is another by now. */
  changePassword(change: NewPassword): Promise<number | undefined>;
  /** Undefined: the person is not a member there. */
  updateUser(change: UserChange): Promise<Account | 'email_taken' | 'password_changed' | undefined>;
}

export interface SessionStore {
  /** Answers the id of the session; undefined: the password is another by now. */
  openSession(session: NewSession): Promise<string | undefined>;
  /** Those that are open, the latest used first, at most limit. */
  listSessions(query: SessionQuery): Promise<readonly OpenSession[]>;
  /** Lets decide judge the token under a lock, and does what it says; undefined: there is no such token. */
  useRefreshToken<Decision extends TokenDecision>(
    hash: Buffer,
    decide: (held: HeldToken) => Decision,
  ): Promise<{ readonly held: HeldToken; readonly decision: Decision } | undefined>;
  /** False: the person has no such session, or it is over already. */
  revokeSession(sessionId: string, userId: string, at: Date): Promise<boolean>;
  /** Ends at most limit of the person's open sessions, never the one that is kept; answers how many. */
  revokeOtherSessions(keptId: string, userId: string, at: Date, limit: number): Promise<number>;
}

export interface ApiKeyStore {
  createApiKey(key: NewApiKey, limit: number): Promise<ApiKeyRecord | ApiKeyRefusal>;
  /** Newest first. */
  listApiKeys(userId: string, workspaceId: string): Promise<readonly ApiKeyRecord[]>;
  /** Those that the key made, and they, go with it. False: the person has no such key there. */
  revokeApiKey(id: string, userId: string, workspaceId: string): Promise<boolean>;
  findApiKey(secretHash: Buffer): Promise<HeldApiKey | undefined>;
  touchApiKey(id: string, minute: Date): Promise<void>;
}

export interface DeletionStore {
  /**
   * Deletes the person with sessions, API keys and memberships, tells that these credentials ended, and closes the workspaces where nobody
   * is left. False: the password is another than that of this version by now, or the person is gone.
   */
  deleteAccount(userId: string, passwordVersion: number): Promise<boolean>;
  /** Those that the link service has yet to be told of, the longest closed first. */
  findClosedWorkspaces(limit: number): Promise<readonly string[]>;
  forgetClosedWorkspace(id: string): Promise<void>;
}

export interface RevocationStore {
  /** At most limit of those that became visible since from; undefined: those of the last windowMs. */
  listRevocations(from: RevocationPosition | undefined, windowMs: number, limit: number): Promise<RevocationPage>;
}

/** Where people, sessions and keys are kept. Every method is one transaction. */
export interface IdentityStore extends AccountStore, DeletionStore, SessionStore, ApiKeyStore, RevocationStore {
  /** Deletes what is over, at most limit rows of each kind; answers how many rows went. */
  sweep(times: SweepTimes, limit: number): Promise<number>;
}
