import type { RowPlace } from '#runtime/rpc/page-token.ts';
import type { Role, Scope } from './roles.ts';

/** A person with the workspace in question. */
export interface Account {
  readonly userId: string;
  readonly email: string;
  readonly name: string;
  readonly createdAt: Date;
  /** Which password it was when this was read: grows with each change. */
  readonly passwordVersion: number;
  readonly workspaceId: string;
  readonly workspaceName: string;
  /** The role held in that workspace, now. */
  readonly role: Role;
}

/** A refresh token as stored. */
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
  /** How many passwords for this email were wrong in the current window, or are being checked. */
  readonly failures: number;
  readonly passwordHash: string | undefined;
}

/** A counted log-in or similar attempt. */
export interface LoginAttempt {
  /** Failures in the window without this one; includes attempts that are being checked. */
  readonly failuresBefore: number;
  readonly windowStartedAt: Date;
}

export interface LoginRecord extends PasswordRecord {
  readonly account: Account | undefined;
}

/** The password of a signed-in person. */
export interface OwnPassword extends PasswordRecord {
  readonly email: string;
  readonly emailKey: string;
  readonly passwordVersion: number;
  /** The session that changed it last; undefined: unchanged since the sign-up. */
  readonly changedBy: string | undefined;
}

interface NewPassword {
  readonly userId: string;
  /** That of the checked password. */
  readonly version: number;
  readonly passwordHash: string;
  /** The session that changes it; undefined: none does. */
  readonly keptSessionId: string | undefined;
  readonly at: Date;
}

/** Undefined fields stay unchanged. */
export interface UserChange {
  readonly userId: string;
  readonly workspaceId: string;
  readonly name: string | undefined;
  /** With the version of the password that was checked for it. */
  readonly email?: { readonly given: string; readonly key: string; readonly passwordVersion: number };
}

/** A presented refresh token with its session; the row is locked. */
export interface HeldToken {
  readonly sessionId: string;
  readonly account: Account;
  readonly expiresAt: Date;
  readonly replacedAt: Date | undefined;
  /** Together with the token's text this gives the successor; undefined when there is none or the grace period is over. */
  readonly successorNonce: Buffer | undefined;
  readonly revoked: boolean;
}

export type TokenDecision =
  | { readonly kind: 'rotate'; readonly at: Date; readonly nonce: Buffer; readonly successor: KeptToken }
  | { readonly kind: 'repeat'; readonly nonce: Buffer }
  | { readonly kind: 'revoke'; readonly at: Date }
  | { readonly kind: 'refuse' };

interface TokenUse<Decision extends TokenDecision> {
  readonly decide: (held: HeldToken) => Decision;
  /** Undefined: the session stays where it is. */
  readonly workspaceId?: string | undefined;
}

/** A session that has neither expired nor been ended. */
export interface OpenSession {
  readonly id: string;
  /** The program that signed in; empty if unknown. */
  readonly client: string;
  readonly createdAt: Date;
  /** When its refresh token was last exchanged. */
  readonly renewedAt: Date;
  readonly expiresAt: Date;
}

interface NewSession {
  readonly account: Pick<Account, 'userId' | 'workspaceId' | 'passwordVersion'>;
  readonly token: KeptToken;
  /** The program that signed in. */
  readonly client?: string;
}

/** A session that was just opened. */
export interface OpenedSession {
  readonly id: string;
  /** The role that the person has in its workspace by then. */
  readonly role: Role;
}

interface SessionQuery {
  readonly userId: string;
  /** Those that are over by then are left out. */
  readonly at: Date;
  /** The last session of the previous page. */
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
  /** Undefined: with its parent, or never. */
  readonly expiresAt: Date | undefined;
  /** The key that creates this one; undefined: a person does. */
  readonly parentId: string | undefined;
}

/** Why a key was not created: there are too many, the person is no member, or its parent is gone or expires before it. */
export type ApiKeyRefusal = 'limit_reached' | 'no_member' | 'parent_gone' | 'outlives_parent';

/** A presented key. */
export interface HeldApiKey extends ApiKeyRecord {
  readonly userId: string;
  readonly workspaceId: string;
  readonly role: Role;
}

/** How far a reader of revocations has got. */
export interface RevocationPosition {
  /** The primary's system identifier and timeline: a promoted replica has another timeline, a restored dump another system. */
  readonly primary: string;
  /**
   * What was visible when everything earlier was reported, as `snapshot@seconds`, or `snapshot` alone; undefined: the reader began with the
   * window.
   */
  readonly since: string | undefined;
  /** Set while a truncated answer is being continued: the moment up to which it goes, in the same format, and the last row reported. */
  readonly cut: { readonly until: string; readonly after: string } | undefined;
}

export interface RevocationPage {
  readonly credentialIds: readonly string[];
  readonly position: RevocationPosition;
}

export interface SweepTimes {
  /** Sessions that ended earlier are deleted, with their tokens. */
  readonly sessionsBefore: Date;
  /** Refresh tokens that ended earlier are deleted. */
  readonly tokensBefore: Date;
  /** Nonces of tokens that were replaced earlier are deleted. */
  readonly noncesBefore: Date;
  readonly revocationsBefore: Date;
  readonly loginFailuresBefore: Date;
  readonly revokedKeysBefore: Date;
  /** Invitations that ended earlier are deleted. */
  readonly invitationsBefore: Date;
}

/** A workspace as a person who belongs to it sees it. */
export interface WorkspaceRecord {
  readonly id: string;
  readonly name: string;
  /** The role of that person there. */
  readonly role: Role;
}

export interface MemberRecord {
  readonly userId: string;
  readonly email: string;
  readonly name: string;
  readonly role: Role;
  readonly joinedAt: Date;
}

/** A member of a workspace, and who changes something about them. */
export interface NamedMember {
  readonly workspaceId: string;
  readonly actorId: string;
  /** In lower case. */
  readonly userId: string;
}

/** Refuses a change by throwing. The roles are those in the database, undefined for whoever is no member; owners counts all of them. */
export type JudgeMember = (state: {
  readonly actorRole: Role | undefined;
  readonly memberRole: Role | undefined;
  readonly owners: number;
}) => void;

export interface InvitationRecord {
  readonly id: string;
  readonly role: Role;
  /** Whom it is for, in the words of the inviter. */
  readonly name: string;
  /** The name of the inviter, or their email. */
  readonly invitedBy: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

interface NewInvitation {
  readonly workspaceId: string;
  /** The person. */
  readonly invitedBy: string;
  readonly role: Role;
  readonly name: string;
  readonly secretHash: Buffer;
  readonly at: Date;
  readonly expiresAt: Date;
}

/** An invitation as whoever holds its secret sees it. */
export interface FoundInvitation {
  /** With the role that the holder has there, or would have. */
  readonly workspace: WorkspaceRecord;
  readonly invitedBy: string;
  readonly expiresAt: Date;
  readonly isMember: boolean;
}

export interface InvitationLimits {
  /** Of one workspace. */
  readonly members: number;
  /** Of one person. */
  readonly workspaces: number;
}

/** Why an invitation was not accepted. */
export type Refusal = 'not_found' | 'already_member' | 'too_many_members' | 'too_many_workspaces';

export interface AccountStore {
  isEmailTaken(emailKey: string): Promise<boolean>;
  /** Creates the person, a personal workspace and the membership as owner. */
  createAccount(account: NewAccount): Promise<Account | 'email_taken'>;
  /** Takes the same work for a known and an unknown email. */
  findLogin(emailKey: string, failuresSince: Date): Promise<LoginRecord>;
  /** Counts an attempt as a failure, until it turns out not to be one. */
  countLoginAttempt(emailKey: string, at: Date, failuresSince: Date): Promise<LoginAttempt>;
  /** For an attempt whose password was not checked. Does nothing once its window is over or was cleared. */
  uncountLoginAttempt(emailKey: string, attempt: LoginAttempt): Promise<void>;
  clearLoginFailures(emailKey: string): Promise<void>;
  /** Replaces the hash unless somebody else has already. */
  replacePasswordHash(userId: string, old: string, replacement: string): Promise<void>;
  findAccount(userId: string, workspaceId: string): Promise<Account | undefined>;
  /** Undefined: there is no such person. */
  findPassword(userId: string, failuresSince: Date): Promise<OwnPassword | undefined>;
  /** Also ends all sessions but the kept one, and returns how many; undefined: the password has changed since. */
  changePassword(change: NewPassword): Promise<number | undefined>;
  /** Undefined: the person is not a member there. */
  updateUser(change: UserChange): Promise<Account | 'email_taken' | 'password_changed' | undefined>;
}

export interface SessionStore {
  /** Undefined: the password has changed since, or the person is no longer a member of the workspace. */
  openSession(session: NewSession): Promise<OpenedSession | undefined>;
  /** The open sessions, the most recently used first, at most limit. */
  listSessions(query: SessionQuery): Promise<readonly OpenSession[]>;
  /**
   * Lets `decide` judge the token under a lock, carries out the decision, and moves a session that goes on to the workspace. Undefined:
   * there is no such token. 'no_member': the person does not belong to that workspace, and nothing was done.
   */
  useRefreshToken<Decision extends TokenDecision>(
    hash: Buffer,
    use: TokenUse<Decision>,
  ): Promise<{ readonly held: HeldToken; readonly decision: Decision } | 'no_member' | undefined>;
  /** False: the person has no such session, or it is already over. */
  revokeSession(sessionId: string, userId: string, at: Date): Promise<boolean>;
  /** Ends at most limit of the person's open sessions, never the kept one; returns how many. */
  revokeOtherSessions(keptId: string, userId: string, at: Date, limit: number): Promise<number>;
}

export interface ApiKeyStore {
  createApiKey(key: NewApiKey, limit: number): Promise<ApiKeyRecord | ApiKeyRefusal>;
  /** Newest first. */
  listApiKeys(userId: string, workspaceId: string): Promise<readonly ApiKeyRecord[]>;
  /** Also revokes the keys created with it, and so on. False: the person has no such key there. */
  revokeApiKey(id: string, userId: string, workspaceId: string): Promise<boolean>;
  findApiKey(secretHash: Buffer): Promise<HeldApiKey | undefined>;
  touchApiKey(id: string, minute: Date): Promise<void>;
}

export interface DeletionStore {
  /**
   * Deletes the person with sessions, API keys and memberships, reports these credentials as revoked, and closes the workspaces left
   * without members. 'last_owner': a workspace would be left with members and no owner. 'password_changed': the password is no longer that
   * of this version, or the person is gone.
   */
  deleteAccount(userId: string, passwordVersion: number): Promise<'deleted' | 'last_owner' | 'password_changed'>;
  /** Those that the link service has yet to be told about, the longest closed first. */
  findClosedWorkspaces(limit: number): Promise<readonly string[]>;
  forgetClosedWorkspace(id: string): Promise<void>;
}

/** A workspace that an owner deletes, after the password of that version was checked. */
export interface WorkspaceToDelete {
  readonly workspaceId: string;
  readonly actorId: string;
  readonly passwordVersion: number;
}

export interface WorkspaceStore {
  /** Those that the person belongs to, the one joined first before the others. */
  listWorkspaces(userId: string): Promise<readonly WorkspaceRecord[]>;
  /** The person becomes its owner. 'no_person': deleted meanwhile. */
  createWorkspace(
    userId: string,
    name: string,
    mostOfPerson: number,
  ): Promise<WorkspaceRecord | 'limit_reached' | 'no_person'>;
  /**
   * Deletes it with its memberships, sessions, API keys and invitations, reports these credentials as revoked, and closes it. Whoever then
   * belongs to no workspace gets an own one with that name. judge is called with the role of the actor in the database, and refuses by
   * throwing. Nothing was done at 'password_changed' (the password is no longer that of this version), nor at 'somebody_joined'.
   */
  deleteWorkspace(
    workspace: WorkspaceToDelete,
    nameOfNext: string,
    judge: (role: Role | undefined) => void,
  ): Promise<'deleted' | 'password_changed' | 'somebody_joined'>;
  /** Undefined: the person does not belong to it. */
  renameWorkspace(userId: string, workspaceId: string, name: string): Promise<WorkspaceRecord | undefined>;
  /** Who joined first before the others. */
  listMembers(workspaceId: string): Promise<readonly MemberRecord[]>;
  /** Unless the role is the same: also ends the member's sessions in the workspace, and voids the invitations that nobody has accepted. */
  changeRole(named: NamedMember, role: Role, judge: JudgeMember): Promise<MemberRecord>;
  /**
   * Ends the sessions and API keys there. Whoever then belongs to no workspace gets an own one with that name; a workspace that nobody
   * belongs to is closed.
   */
  removeMember(named: NamedMember, nameOfNext: string, judge: JudgeMember): Promise<void>;
}

export interface InvitationStore {
  /** judge is called with the role of the inviter in the database, and refuses by throwing. */
  createInvitation(
    invitation: NewInvitation,
    mostOpen: number,
    judge: (role: Role | undefined) => void,
  ): Promise<InvitationRecord | 'limit_reached'>;
  /** Those that can be accepted at that time, newest first. */
  listInvitations(workspaceId: string, at: Date): Promise<readonly InvitationRecord[]>;
  /** False: there is none, or it can no longer be accepted. */
  deleteInvitation(id: string, workspaceId: string, at: Date): Promise<boolean>;
  /** Undefined: there is none that this person can accept, or has accepted. */
  findInvitation(secretHash: Buffer, userId: string, at: Date): Promise<FoundInvitation | undefined>;
  /** Makes the person a member. Repeating it answers the same. */
  acceptInvitation(
    secretHash: Buffer,
    userId: string,
    at: Date,
    limits: InvitationLimits,
  ): Promise<WorkspaceRecord | Refusal>;
}

export interface RevocationStore {
  /** At most limit of those that became visible since from; undefined: those of the last windowMs. */
  listRevocations(from: RevocationPosition | undefined, windowMs: number, limit: number): Promise<RevocationPage>;
}

/** The storage of people, sessions and keys. Every method is one transaction. */
export interface IdentityStore
  extends AccountStore,
    DeletionStore,
    SessionStore,
    ApiKeyStore,
    WorkspaceStore,
    InvitationStore,
    RevocationStore {
  /** Deletes what is over, at most limit rows of each kind; returns how many. */
  sweep(times: SweepTimes, limit: number): Promise<number>;
}
