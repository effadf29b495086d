import { baseConfig } from '#runtime/config/base-config.ts';
import {
  addresses,
  type ConfigOf,
  defineConfig,
  duration,
  list,
  optional,
  secretUrl,
  text,
  url,
} from '#runtime/config/config.ts';
import { rateLimitTable } from '#runtime/limits/rate-limits.ts';

export const accessConfig = defineConfig({
  ...baseConfig,
  /** The issuer that access tokens have to name, and what the pages show. */
  publicUrl: url('HOP_PUBLIC_URL'),
  /** The folder of the built dashboard, served under /app/. Absent: this installation has none. */
  dashboardDir: optional(text('HOP_DASHBOARD_DIR')),
  identityAddresses: addresses('HOP_IDENTITY_ADDRESS'),
  linkAddresses: addresses('HOP_LINK_ADDRESS'),
  resolverAddresses: addresses('HOP_RESOLVER_ADDRESSES'),
  analyticsAddresses: addresses('HOP_ANALYTICS_ADDRESS'),
  gatewayEdgeAddresses: addresses('HOP_GATEWAY_EDGE_ADDRESS'),
  /** This process and its twins, as the others know them; absent: they are left out of the status. */
  gatewayAccessAddresses: addresses('HOP_GATEWAY_ACCESS_ADDRESS', { default: [] }),
  /** The workspaces whose administrators may see what the mesh is doing: ids, or `*` for all; none by default. */
  operatorWorkspaces: list('HOP_OPERATOR_WORKSPACES', { default: [] }),
  /** How long identity is left alone after five questions in a row came to nothing. */
  identityBreakerResetMs: duration('HOP_IDENTITY_BREAKER_RESET_MS', { min: 100, default: 2_000 }),
  /** What one question to identity may take; Envoy's ext_authz timeout has to be longer. */
  identityTimeoutMs: duration('HOP_IDENTITY_TIMEOUT_MS', { min: 10, max: 5_000, default: 500 }),
  /** How often identity is asked what was revoked, and which signing keys there are. */
  revocationPollMs: duration('HOP_REVOCATION_POLL_MS', { min: 10, max: 4_000, default: 1_000 }),
  /** How long an answer about an API key is taken without asking again. */
  apiKeyFreshMs: duration('HOP_API_KEY_FRESH_MS', { max: 5_000, default: 4_000 }),
  /** How long a known API key works on while identity is away. */
  apiKeyStaleMs: duration('HOP_API_KEY_STALE_MS', { max: 1_200_000, default: 300_000 }),
  /** Where calls are counted. */
  redisUrl: secretUrl('HOP_REDIS_URL'),
  /** A question to Redis that takes longer has failed. A call waits 200 ms, for it is not Redis that is ill each time. */
  limitTimeoutMs: duration('HOP_LIMIT_TIMEOUT_MS', { min: 5, max: 900, default: 500 }),
  /** How long Redis is left alone after five questions in a row came to nothing. */
  breakerResetMs: duration('HOP_BREAKER_RESET_MS', { min: 100, default: 30_000 }),
  ...rateLimitTable,
});

export type AccessConfig = ConfigOf<typeof accessConfig>;
