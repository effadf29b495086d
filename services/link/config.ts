import { baseConfig } from '#runtime/config/base-config.ts';
import {
  addresses,
  bool,
  type ConfigOf,
  defineConfig,
  duration,
  file,
  int,
  list,
  secretUrl,
  url,
} from '#runtime/config/config.ts';
import { cacheTtl } from '#runtime/shortlink/cache-entry.ts';
import { filterFreshMs } from '#runtime/shortlink/code-filter.ts';

/**
 * The environment of the link service; README.md says what each variable does. Some limits are constants because other processes rely on
 * them: a resolver refuses codes by what it was told within filterFreshMs, and a watcher that missed pruned changes finds no entry from
 * before them.
 */
export const linkConfig = defineConfig({
  ...baseConfig,
  postgresPrimary: secretUrl('HOP_POSTGRES_PRIMARY'),
  redisUrl: secretUrl('HOP_REDIS_URL'),
  analyticsAddresses: addresses('HOP_ANALYTICS_ADDRESS'),
  domains: list('HOP_DOMAINS'),
  hostAliases: list('HOP_HOST_ALIASES', { default: [] }),
  publicUrl: url('HOP_PUBLIC_URL'),
  codeKeysFile: file('HOP_CODE_KEYS_FILE'),
  allowPrivateDestinations: bool('HOP_ALLOW_PRIVATE_DESTINATIONS', { default: false }),
  poolSize: int('HOP_LINK_POOL_SIZE', { min: 2, max: 200, default: 16 }),
  poolQueue: int('HOP_LINK_POOL_QUEUE', { min: 1, max: 10_000, default: 512 }),
  queueTargetMs: duration('HOP_LINK_QUEUE_TARGET_MS', { min: 1, max: 5_000, default: 250 }),
  queueLongestMs: duration('HOP_LINK_QUEUE_LONGEST_MS', { min: 1, max: 10_000, default: 750 }),
  queueIntervalMs: duration('HOP_LINK_QUEUE_INTERVAL_MS', { min: 1, max: 60_000, default: 500 }),
  statementTimeoutMs: duration('HOP_LINK_STATEMENT_TIMEOUT_MS', { min: 100, max: 30_000, default: 2_000 }),
  lockTimeoutMs: duration('HOP_LINK_LOCK_TIMEOUT_MS', { min: 50, max: 30_000, default: 1_000 }),
  blockSize: int('HOP_LINK_BLOCK_SIZE', { min: 100, max: 1_000_000, default: 10_000 }),
  blockAnnounceMs: duration('HOP_LINK_BLOCK_ANNOUNCE_MS', { min: filterFreshMs, max: 10_000, default: 500 }),
  lookalikeDelayMs: duration('HOP_LOOKALIKE_DELAY_MS', { min: filterFreshMs, max: 10_000, default: 250 }),
  cacheWriteMs: duration('HOP_LINK_CACHE_WRITE_MS', { min: 1, max: 1_000, default: 20 }),
  clickCountMs: duration('HOP_LINK_CLICK_COUNT_MS', { min: 1, max: 5_000, default: 400 }),
  watchPollMs: duration('HOP_WATCH_POLL_MS', { min: 5, max: filterFreshMs, default: 50 }),
  watchHeartbeatMs: duration('HOP_WATCH_HEARTBEAT_MS', { min: 10, max: filterFreshMs, default: 100 }),
  watchQueue: int('HOP_WATCH_QUEUE', { min: 100, max: 1_000_000, default: 20_000 }),
  changeRetentionMs: duration('HOP_CHANGE_RETENTION_MS', {
    min: cacheTtl.link,
    max: 2_592_000_000,
    default: 86_400_000,
  }),
  sweepMs: duration('HOP_LINK_SWEEP_MS', { min: 100, max: 60_000, default: 1_000 }),
  breakerResetMs: duration('HOP_BREAKER_RESET_MS', { min: 100, max: 600_000, default: 30_000 }),
});

export type LinkConfig = ConfigOf<typeof linkConfig>;
