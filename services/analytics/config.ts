import { baseConfig } from '#runtime/config/base-config.ts';
import {
  addresses,
  type ConfigOf,
  defineConfig,
  duration,
  int,
  secretUrl,
  secretUrls,
  text,
} from '#runtime/config/config.ts';
import { kafkaConfig } from '#runtime/kafka/config.ts';

export const analyticsConfig = defineConfig({
  ...baseConfig,
  postgresPrimary: secretUrl('HOP_POSTGRES_PRIMARY'),
  /** Statistics are read from these, in turn; from the primary if there are none. */
  postgresReplicas: secretUrls('HOP_POSTGRES_REPLICAS', { default: [] }),
  ...kafkaConfig,
  linkAddresses: addresses('HOP_LINK_ADDRESS'),
  /** Where to ask which credentials were revoked. */
  identityAddresses: addresses('HOP_IDENTITY_ADDRESS'),
  clicksTopic: text('HOP_CLICKS_TOPIC', { default: 'hop.clicks.v1' }),
  /** The topic for messages that cannot be stored. */
  deadTopic: text('HOP_CLICKS_DEAD_TOPIC', { default: 'hop.clicks.v1.dead' }),
  consumerGroup: text('HOP_CLICKS_GROUP', { default: 'hop-analytics' }),
  /** How long the broker may delay a fetch to wait for more clicks. */
  fetchWaitMs: duration('HOP_CLICKS_FETCH_WAIT_MS', { max: 5_000, default: 100 }),
  /** Clicks per transaction, but at least one message. */
  batchClicks: int('HOP_CLICKS_BATCH', { min: 1, max: 100_000, default: 10_000 }),
  /** Older clicks are refused and counted. */
  retentionDays: int('HOP_CLICKS_RETENTION_DAYS', { min: 2, max: 36_500, default: 400 }),
  /** Minute counts are dropped after this; what needs them is then counted from the clicks. */
  minutesRetentionDays: int('HOP_CLICK_MINUTES_RETENTION_DAYS', { min: 2, max: 36_500, default: 35 }),
  /** How many days after its own day a salt is kept: at least the spool's maximum age. */
  saltKeepDays: int('HOP_VISITOR_SALT_KEEP_DAYS', { min: 1, max: 30, default: 1 }),
  /** How many days ahead partitions are created. */
  partitionDaysAhead: int('HOP_PARTITION_DAYS_AHEAD', { min: 1, max: 365, default: 7 }),
  /** Concurrent WatchClicks streams in this process; fewer than Envoy's limit on requests, so that other calls get through. */
  watchStreams: int('HOP_WATCH_STREAMS', { min: 1, max: 10_000, default: 100 }),
  watchStreamsPerCaller: int('HOP_WATCH_STREAMS_PER_CALLER', { min: 1, max: 1_000, default: 5 }),
  /** A stream ends after this, so that its caller reconnects with credentials that are still valid. */
  watchLifetimeMs: duration('HOP_WATCH_LIFETIME_MS', { min: 1_000, max: 3_600_000, default: 600_000 }),
});

export type AnalyticsConfig = ConfigOf<typeof analyticsConfig>;
