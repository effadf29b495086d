import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { ApiKeySchema } from '#gen/identity/v1/api_key_pb.ts';
import type { CurrentUserSchema, IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import type { OpenSessionSchema } from '#gen/identity/v1/open_session_pb.ts';
import type { SessionSchema, WorkspaceSchema } from '#gen/identity/v1/user_pb.ts';
import { personOf } from '#runtime/caller/access.ts';
import { invalid, notFound } from '#runtime/errors/errors.ts';
import { logFields, metadataOf } from '#runtime/rpc/call.ts';
import type { Accounts } from './accounts/accounts.ts';
import type { OwnAccount } from './accounts/own-account.ts';
import { created, logNamed, secret, signedInPerson } from './answers.ts';
import type { ApiKeys } from './api-keys.ts';
import type { Revocations } from './revocations.ts';
import { clientName } from './sessions/client-name.ts';
import type { SessionCookie } from './sessions/session-cookie.ts';
import { type Sessions, type SignedIn, tokenInvalid } from './sessions/sessions.ts';
import type { SigningKeys } from './sessions/signing-keys.ts';
import type { Account, ApiKeyRecord, HeldToken, OpenSession } from './store.ts';

interface Dependencies {
  readonly accounts: Accounts;
  readonly ownAccount: OwnAccount;
  readonly sessions: Sessions;
  readonly cookie: SessionCookie;
  readonly apiKeys: ApiKeys;
  readonly revocations: Revocations;
  readonly signingKeys: Pick<SigningKeys, 'jwks'>;
}

type Handlers = ServiceImpl<typeof IdentityService>;

export function createHandlers(parts: Dependencies): Handlers {
  return {
    ...sessionHandlers(parts),
    ...accountHandlers(parts),
    ...openSessionHandlers(parts),
    ...apiKeyHandlers(parts),
    ...meshHandlers(parts),
  };
}

function sessionHandlers({
  accounts,
  sessions,
  cookie,
}: Dependencies): Pick<Handlers, 'signUp' | 'logIn' | 'refreshSession' | 'logOut'> {
  /** With a cookie the refresh token is sent in it, and nowhere else. */
  const answer = (context: HandlerContext, signedIn: SignedIn, useCookie: boolean) => {
    if (useCookie) cookie.write(context, signedIn.refreshToken);
    return secret(context, sessionMessage(useCookie ? { ...signedIn, refreshToken: '' } : signedIn));
  };
  return {
    async signUp({ email, password, name = '', useCookie }, context) {
      if (useCookie) cookie.admit(context);
      const account = await accounts.signUp({ email, password, name }, context.signal);
      const signedIn = await sessions.open(account, clientOf(context));
      created(context);
      return answer(context, signedIn, useCookie);
    },
    async logIn({ email, password, useCookie }, context) {
      if (useCookie) cookie.admit(context);
      const account = await accounts.logIn(email, password, context.signal);
      return answer(context, await sessions.open(account, clientOf(context)), useCookie);
    },
    async refreshSession({ refreshToken, useCookie, workspaceId }, context) {
      if (useCookie) cookie.admit(context);
      else if (refreshToken === '') throw invalid('refresh_token', 'must be given, unless use_cookie is true');
      const held = useCookie ? cookie.read(context) : refreshToken;
      if (held === undefined) throw tokenInvalid();
      const signedIn = await sessions.refresh(held, {
        workspaceId: workspaceId === '' ? undefined : workspaceId,
        onReuse: (reused) => Object.assign(logFields(context), reuseFields(reused)),
      });
      return answer(context, signedIn, useCookie);
    },
    async logOut({ useCookie }, context) {
      const { credentialId, userId } = signedInPerson(context, noSession);
      if (useCookie) cookie.admit(context);
      await sessions.end(credentialId, userId);
      if (useCookie) cookie.clear(context);
      return {};
    },
  };
}

function accountHandlers({
  accounts,
  ownAccount,
  cookie,
}: Dependencies): Pick<Handlers, 'getCurrentUser' | 'updateCurrentUser' | 'changePassword' | 'deleteCurrentUser'> {
  return {
    async getCurrentUser(_request, context) {
      const { userId, workspaceId } = personOf(context);
      return currentUserMessage(await accounts.find(userId, workspaceId));
    },
    async updateCurrentUser({ name, email, currentPassword }, context) {
      const { userId, workspaceId } = signedInPerson(context, notByKey);
      if (email !== undefined) logAccountChange(context, 'email');
      const change = { userId, workspaceId, name, email, currentPassword };
      return currentUserMessage(await ownAccount.update(change, context.signal));
    },
    async changePassword({ currentPassword, newPassword }, context) {
      const { userId, credentialId: sessionId } = signedInPerson(context, notByKey);
      logAccountChange(context, 'password');
      const change = { userId, sessionId, currentPassword, newPassword };
      const revokedCount = await ownAccount.changePassword(change, context.signal);
      logFields(context).sessions_ended = revokedCount;
      return { revokedCount };
    },
    async deleteCurrentUser({ currentPassword, useCookie }, context) {
      const { userId } = signedInPerson(context, notByKey);
      if (useCookie) cookie.admit(context);
      logAccountChange(context, 'deletion');
      await ownAccount.delete({ userId, currentPassword }, context.signal);
      if (useCookie) cookie.clear(context);
      return {};
    },
  };
}

/** In addition to the caller and the outcome: what was to change and, as sessions show it, from where. */
function logAccountChange(context: HandlerContext, change: 'email' | 'password' | 'deletion'): void {
  Object.assign(logFields(context), { account_change: change, client: clientOf(context) });
}

function openSessionHandlers({
  sessions,
}: Dependencies): Pick<Handlers, 'listSessions' | 'revokeSession' | 'revokeOtherSessions'> {
  return {
    async listSessions(request, context) {
      const { userId, credentialId } = signedInPerson(context, noSession);
      const { sessions: open, nextPageToken } = await sessions.list(userId, request);
      return {
        sessions: open.map((session) => openSessionMessage(session, session.id === credentialId)),
        nextPageToken,
      };
    },
    async revokeSession({ id }, context) {
      logNamed(context, 'session_id', id);
      if (await sessions.end(id, signedInPerson(context, noSession).userId)) return {};
      throw notFound('SESSION_NOT_FOUND', 'There is no such session, or it has ended.');
    },
    async revokeOtherSessions(_request, context) {
      const { userId, credentialId } = signedInPerson(context, noSession);
      return { revokedCount: await sessions.endOthers(credentialId, userId) };
    },
  };
}

function apiKeyHandlers({
  apiKeys,
}: Dependencies): Pick<Handlers, 'createApiKey' | 'listApiKeys' | 'deleteApiKey' | 'verifyApiKey'> {
  return {
    async createApiKey({ name, scopes, expiresAt }, context) {
      const request = { name, scopes, expiresAt: expiresAt && timestampDate(expiresAt) };
      const made = await apiKeys.create(personOf(context), request);
      created(context);
      logFields(context).api_key_id = made.key.id;
      return secret(context, { ...apiKeyMessage(made.key), secret: made.secret });
    },
    async listApiKeys(_request, context) {
      return { apiKeys: (await apiKeys.list(personOf(context))).map(apiKeyMessage) };
    },
    async deleteApiKey({ id }, context) {
      logNamed(context, 'api_key_id', id);
      await apiKeys.revoke(personOf(context), id);
      return {};
    },
    async verifyApiKey(request) {
      const { key, role, scopes } = await apiKeys.verify(request.secret);
      return {
        apiKeyId: key.id,
        userId: key.userId,
        workspaceId: key.workspaceId,
        role,
        scopes: [...scopes],
        ...(key.expiresAt && { expiresAt: timestampFromDate(key.expiresAt) }),
      };
    },
  };
}

function meshHandlers({
  signingKeys,
  revocations,
}: Dependencies): Pick<Handlers, 'getSigningKeys' | 'listRevocations'> {
  return {
    getSigningKeys(_request, context) {
      context.responseHeader.set('cache-control', 'public, max-age=60');
      return { contentType: 'application/json', data: signingKeys.jwks() };
    },
    async listRevocations({ cursor }) {
      const { credentialIds, ...rest } = await revocations.list(cursor);
      return { credentialIds: [...credentialIds], ...rest };
    },
  };
}

/** For whoever has to find out which of the two holders of the token was the thief. */
const reuseFields = ({ account, sessionId, replacedAt }: HeldToken) => ({
  user_id: account.userId,
  workspace_id: account.workspaceId,
  session_id: sessionId,
  token_traded_at: replacedAt?.toISOString(),
});

const clientOf = (context: HandlerContext): string => clientName(metadataOf(context, 'user-agent') ?? '');

const noSession = 'An API key has no session; delete the key instead.';
const notByKey = 'An API key cannot change the account of its person; sign in.';

function sessionMessage({ account, access, refreshToken }: SignedIn): MessageInitShape<typeof SessionSchema> {
  return {
    user: userMessage(account),
    workspace: workspaceMessage(account),
    token: access.token,
    refreshToken,
    expiresAt: timestampFromDate(access.expiresAt),
    expiresIn: access.expiresInSeconds,
  };
}

function openSessionMessage(session: OpenSession, isCurrent: boolean): MessageInitShape<typeof OpenSessionSchema> {
  return {
    id: session.id,
    client: session.client,
    createdAt: timestampFromDate(session.createdAt),
    renewedAt: timestampFromDate(session.renewedAt),
    expiresAt: timestampFromDate(session.expiresAt),
    isCurrent,
  };
}

function userMessage({ userId, email, name, createdAt }: Account) {
  return { id: userId, email, name, createdAt: timestampFromDate(createdAt) };
}

function currentUserMessage(account: Account): MessageInitShape<typeof CurrentUserSchema> {
  return { ...userMessage(account), workspace: workspaceMessage(account) };
}

function workspaceMessage({ workspaceId, workspaceName, role }: Account): MessageInitShape<typeof WorkspaceSchema> {
  return { id: workspaceId, name: workspaceName, role };
}

function apiKeyMessage(key: ApiKeyRecord): MessageInitShape<typeof ApiKeySchema> {
  return {
    id: key.id,
    name: key.name,
    scopes: [...key.scopes],
    prefix: key.prefix,
    createdAt: timestampFromDate(key.createdAt),
    ...(key.expiresAt && { expiresAt: timestampFromDate(key.expiresAt) }),
    ...(key.lastUsedAt && { lastUsedAt: timestampFromDate(key.lastUsedAt) }),
  };
}
