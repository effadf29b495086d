import type { Client } from '@connectrpc/connect';
import { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import { breaker } from '#runtime/breaker/breaker.ts';
import type { ServiceIdentity } from '#runtime/caller/keyring.ts';
import { createRevocations } from '#runtime/caller/revocations.ts';
import { meshClient } from '#runtime/rpc/client.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import type { AccessConfig } from '../config.ts';
import { createApiKeys } from './api-keys.ts';
import { type Authenticate, createAuthenticate } from './authenticate.ts';
import { createAccessTokens } from './jwt.ts';
import { createSigningKeys } from './signing-keys.ts';

interface IdentityOptions {
  readonly identity: Client<typeof IdentityService>;
  readonly config: Pick<
    AccessConfig,
    | 'publicUrl'
    | 'identityTimeoutMs'
    | 'identityBreakerResetMs'
    | 'revocationPollMs'
    | 'apiKeyFreshMs'
    | 'apiKeyStaleMs'
  >;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly wallClock?: () => number;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

export function identityClient(
  config: Pick<AccessConfig, 'identityAddresses' | 'identityTimeoutMs'>,
  issuer: ServiceIdentity,
): Client<typeof IdentityService> {
  return meshClient(IdentityService, {
    addresses: config.identityAddresses,
    issuer,
    deadlineMs: config.identityTimeoutMs,
  });
}

/** Authentication that uses identity: signing keys, API keys and revocations, each cached. */
export function authenticateByIdentity(options: IdentityOptions): {
  readonly authenticate: Authenticate;
  stop(): void;
} {
  const { identity, config, log, wallClock = Date.now, now = () => performance.now() } = options;
  const { identityTimeoutMs: timeoutMs, identityBreakerResetMs: resetMs } = config;
  const verifyApiKey = breaker('identity', (secret: string) => identity.verifyApiKey({ secret }), {
    timeoutMs,
    resetMs,
    log,
  });
  const keys = createSigningKeys({
    fetch: async () => (await identity.getSigningKeys({})).data,
    intervalMs: config.revocationPollMs,
    log,
    now,
  });
  const revocations = createRevocations({
    list: (cursor) => identity.listRevocations({ cursor }),
    intervalMs: config.revocationPollMs,
    log,
    now,
  });
  const authenticate = createAuthenticate({
    tokens: createAccessTokens({ keys, issuer: config.publicUrl, wallClock }),
    apiKeys: createApiKeys({
      ask: (secret) => verifyApiKey.fire(secret),
      freshMs: config.apiKeyFreshMs,
      staleMs: config.apiKeyStaleMs,
      wallClock,
      now,
    }),
    revocations,
    wallClock,
  });
  return {
    authenticate,
    stop() {
      keys.stop();
      revocations.stop();
      verifyApiKey.shutdown();
    },
  };
}
