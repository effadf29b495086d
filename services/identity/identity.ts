import type { ServiceImpl } from '@connectrpc/connect';
import type { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import type { WorkspaceService } from '#gen/identity/v1/workspace_service_pb.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import { createAccountQueues } from './accounts/account-queues.ts';
import { createAccounts } from './accounts/accounts.ts';
import { createHashingQueue } from './accounts/hashing-queue.ts';
import { createLoginThrottle } from './accounts/login-throttle.ts';
import { createOwnAccount } from './accounts/own-account.ts';
import { createPasswordCheck } from './accounts/password-check.ts';
import { type Argon2, createPasswords } from './accounts/passwords.ts';
import { createApiKeys } from './api-keys.ts';
import type { IdentityConfig } from './config.ts';
import { createHandlers } from './handlers.ts';
import { createRevocations } from './revocations.ts';
import { createAccessTokens } from './sessions/access-token.ts';
import { createSessionCookie } from './sessions/session-cookie.ts';
import { createSessions } from './sessions/sessions.ts';
import type { SigningKeys } from './sessions/signing-keys.ts';
import type { IdentityStore } from './store.ts';
import { createWorkspaceDeletion } from './workspaces/deletion.ts';
import { createWorkspaceHandlers } from './workspaces/handlers.ts';
import { createInvitations } from './workspaces/invitations.ts';
import { createWorkspaces } from './workspaces/workspaces.ts';

interface IdentityParts {
  readonly config: Pick<
    IdentityConfig,
    | 'publicUrl'
    | 'accessTokenSeconds'
    | 'refreshTokenDays'
    | 'refreshGraceMs'
    | 'hashConcurrency'
    | 'hashQueue'
    | 'loginFreeFailures'
    | 'apiKeysPerPerson'
  >;
  readonly store: IdentityStore;
  readonly signingKeys: Pick<SigningKeys, 'signer' | 'jwks'>;
  readonly log: Log;
  /** Called when a person or a workspace was deleted: there may be workspaces to close. */
  readonly onDeleted?: () => void;
  readonly now?: () => number;
  readonly argon2?: Argon2;
}

/** Both services of the process. */
export interface Identity {
  readonly identity: ServiceImpl<typeof IdentityService>;
  readonly workspaces: ServiceImpl<typeof WorkspaceService>;
}

const dayMs = 86_400_000;

/** The whole service except its socket and its database. */
export async function createIdentity({
  config,
  store,
  signingKeys,
  log,
  onDeleted = () => {},
  now = Date.now,
  argon2,
}: IdentityParts): Promise<Identity> {
  const queue = createHashingQueue({ concurrency: config.hashConcurrency, limit: config.hashQueue });
  const passwords = await createPasswords(queue, argon2);
  const queues = createAccountQueues(config.hashQueue);
  const throttle = createLoginThrottle({ freeFailures: config.loginFreeFailures, queues });
  const check = createPasswordCheck({ store, passwords, throttle, queues, now });
  const issue = createAccessTokens({
    keys: signingKeys,
    issuer: config.publicUrl,
    lifetimeSeconds: config.accessTokenSeconds,
    now,
  });
  const refreshLifetimeMs = config.refreshTokenDays * dayMs;
  const identity = createHandlers({
    accounts: createAccounts({ store, passwords, check }),
    ownAccount: createOwnAccount({ store, passwords, check, onDeleted, now }),
    sessions: createSessions({ store, issue, refreshLifetimeMs, graceMs: config.refreshGraceMs, now }),
    cookie: createSessionCookie({ publicUrl: config.publicUrl, lifetimeSeconds: refreshLifetimeMs / 1_000 }),
    apiKeys: createApiKeys({ store, log, limit: config.apiKeysPerPerson, now }),
    revocations: createRevocations({ store }),
    signingKeys,
  });
  const workspaces = createWorkspaceHandlers({
    workspaces: createWorkspaces(store),
    deletion: createWorkspaceDeletion({ store, check, onDeleted }),
    invitations: createInvitations({ store, publicUrl: config.publicUrl, now }),
  });
  return { identity, workspaces };
}
