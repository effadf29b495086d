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
  /** The issuer that access tokens must name, and the URL shown on the pages. */
  publicUrl: url('HOP_PUBLIC_URL'),
  /** The folder of the built dashboard, served under /app/. Absent: this installation has none. */
  dashboardDir: optional(text('HOP_DASHBOARD_DIR')),
  identityAddresses: addresses('HOP_IDENTITY_ADDRESS'),
  linkAddresses: addresses('HOP_LINK_ADDRESS'),
  resolverAddresses: addresses('HOP_RESOLVER_ADDRESSES'),
  analyticsAddresses: addresses('HOP_ANALYTICS_ADDRESS'),
  gatewayEdgeAddresses: addresses('HOP_GATEWAY_EDGE_ADDRESS'),
  /** This process and its replicas, as the others reach them; absent: they are left out of the status. */
  gatewayAccessAddresses: addresses('HOP_GATEWAY_ACCESS_ADDRESS', { default: [] }),
  /** The workspaces whose administrators may see the status of the mesh: ids, or `*` for all; none by default. */
  operatorWorkspaces: list('HOP_OPERATOR_WORKSPACES', { default: [] }),
  /** How long identity is left alone after five failed calls in a row. */
  identityBreakerResetMs: duration('HOP_IDENTITY_BREAKER_RESET_MS', { min: 100, default: 2_000 }),
  /** Timeout of one call to identity; Envoy's ext_authz timeout has to be longer. */
  identityTimeoutMs: duration('HOP_IDENTITY_TIMEOUT_MS', { min: 10, max: 5_000, default: 500 }),
  /** How often revocations and signing keys are fetched from identity. */
  revocationPollMs: duration('HOP_REVOCATION_POLL_MS', { min: 10, max: 4_000, default: 1_000 }),
  /** How long an answer about an API key is reused without asking again. */
  apiKeyFreshMs: duration('HOP_API_KEY_FRESH_MS', { max: 5_000, default: 4_000 }),
  /** How long a known API key keeps working while identity is away. */
  apiKeyStaleMs: duration('HOP_API_KEY_STALE_MS', { max: 1_200_000, default: 300_000 }),
  /** Where calls are counted. */
  redisUrl: secretUrl('HOP_REDIS_URL'),
  /** A Redis call that takes longer has failed. A request waits only 200 ms for it, since a slow answer need not mean that Redis is failing. */
  limitTimeoutMs: duration('HOP_LIMIT_TIMEOUT_MS', { min: 5, max: 900, default: 500 }),
  /** How long Redis is left alone after five failed calls in a row. */
  breakerResetMs: duration('HOP_BREAKER_RESET_MS', { min: 100, default: 30_000 }),
  ...rateLimitTable,
});

export type AccessConfig = ConfigOf<typeof accessConfig>;
