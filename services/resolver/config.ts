import { baseConfig } from '#runtime/config/base-config.ts';
import {
  addresses,
  type ConfigOf,
  defineConfig,
  duration,
  file,
  int,
  list,
  secretUrl,
  secretUrls,
} from '#runtime/config/config.ts';
import { unknownCodesLimit } from '#runtime/limits/rate-limits.ts';
import { longestPartMs } from '#runtime/limits/redirect-time.ts';

export const resolverConfig = defineConfig({
  ...baseConfig,
  redisUrl: secretUrl('HOP_REDIS_URL'),
  postgresPrimary: secretUrl('HOP_POSTGRES_PRIMARY'),
  postgresReplicas: secretUrls('HOP_POSTGRES_REPLICAS', { default: [] }),
  postgresConnections: int('HOP_RESOLVER_POSTGRES_CONNECTIONS', { min: 1, max: 100, default: 8 }),
  linkAddresses: addresses('HOP_LINK_ADDRESS'),
  domains: list('HOP_DOMAINS'),
  hostAliases: list('HOP_HOST_ALIASES', { default: [] }),
  codeKeysFile: file('HOP_CODE_KEYS_FILE'),
  /** How long a breaker stays open before it tries its store again. */
  breakerResetMs: duration('HOP_BREAKER_RESET_MS', { min: 100, default: 30_000 }),
  /** How long one lookup may take through all tiers. */
  budgetMs: duration('HOP_RESOLVER_BUDGET_MS', { min: 10, max: longestPartMs, default: 200 }),
  /** How long a lookup waits for each store before it asks the next. */
  redisPatienceMs: duration('HOP_RESOLVER_REDIS_PATIENCE_MS', { min: 1, max: 5_000, default: 40 }),
  replicaPatienceMs: duration('HOP_RESOLVER_REPLICA_PATIENCE_MS', { min: 1, max: 5_000, default: 80 }),
  primaryPatienceMs: duration('HOP_RESOLVER_PRIMARY_PATIENCE_MS', { min: 1, max: 5_000, default: 120 }),
  /** A call to a store that takes longer counts as failed for its breaker. */
  storeTimeoutMs: duration('HOP_RESOLVER_STORE_TIMEOUT_MS', { min: 1, max: 10_000, default: 500 }),
  /** How long the link service may take to say whether a link with a limit has a use left. */
  takeMs: duration('HOP_RESOLVER_TAKE_MS', { min: 10, max: longestPartMs, default: 650 }),
  l1Entries: int('HOP_RESOLVER_L1_ENTRIES', { min: 1, max: 10_000_000, default: 100_000 }),
  l1Bytes: int('HOP_RESOLVER_L1_BYTES', { min: 65_536, default: 67_108_864 }),
  /** How long an L1 record is trusted while Watch is live. */
  l1TrustMs: duration('HOP_RESOLVER_L1_TRUST_MS', { default: 600_000 }),
  /** How long Watch counts as live without a heartbeat, and L1 is trusted after that. */
  l1LapseMs: duration('HOP_RESOLVER_L1_LAPSE_MS', { min: 1, max: 60_000, default: 2_000 }),
  /** The greatest age of a record that is served because no store answers. */
  l1StaleMs: duration('HOP_RESOLVER_L1_STALE_MS', { default: 3_600_000 }),
  unknownCodes: unknownCodesLimit,
  /**
   * Longer than any replica lags, and than the link service needs to carry a change to Redis: the floors of l1-limits.ts last twice the
   * longest value, and how far Redis has got is reported once a second.
   */
  replicaLagMs: duration('HOP_RESOLVER_REPLICA_LAG_MS', { min: 5_000, max: 300_000, default: 30_000 }),
});

export type ResolverConfig = ConfigOf<typeof resolverConfig>;
