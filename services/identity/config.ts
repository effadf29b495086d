import { baseConfig } from '#runtime/config/base-config.ts';
import { addresses, type ConfigOf, defineConfig, duration, file, int, secretUrl, url } from '#runtime/config/config.ts';

export const identityConfig = defineConfig({
  ...baseConfig,
  postgresPrimary: secretUrl('HOP_POSTGRES_PRIMARY'),
  postgresConnections: int('HOP_POSTGRES_CONNECTIONS', { min: 2, max: 200, default: 10 }),
  /** Closes the workspaces of deleted people. */
  linkAddresses: addresses('HOP_LINK_ADDRESS'),
  /** The claim iss of access tokens. */
  publicUrl: url('HOP_PUBLIC_URL'),
  jwtKeysFile: file('HOP_JWT_KEYS_FILE'),
  jwtKeysPollMs: duration('HOP_JWT_KEYS_POLL_MS', { min: 100, max: 60_000, default: 5_000 }),
  jwtKeyPublishMs: duration('HOP_JWT_KEY_PUBLISH_MS', { max: 3_600_000, default: 120_000 }),
  accessTokenSeconds: int('HOP_ACCESS_TOKEN_SECONDS', { min: 5, max: 900, default: 900 }),
  refreshTokenDays: int('HOP_REFRESH_TOKEN_DAYS', { min: 1, max: 365, default: 30 }),
  refreshGraceMs: duration('HOP_REFRESH_GRACE_MS', { max: 30_000, default: 30_000 }),
  hashConcurrency: int('HOP_HASH_CONCURRENCY', { min: 1, max: 64, default: 2 }),
  hashQueue: int('HOP_HASH_QUEUE', { min: 1, max: 10_000, default: 128 }),
  loginFreeFailures: int('HOP_LOGIN_FREE_FAILURES', { min: 1, max: 10_000, default: 20 }),
  apiKeysPerPerson: int('HOP_API_KEYS_PER_PERSON', { min: 1, max: 1_000, default: 100 }),
  sweepMs: duration('HOP_IDENTITY_SWEEP_MS', { min: 1_000, default: 60_000 }),
});

export type IdentityConfig = ConfigOf<typeof identityConfig>;
