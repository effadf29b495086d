import { baseConfig } from '#runtime/config/base-config.ts';
import {
  addresses,
  type ConfigOf,
  defineConfig,
  duration,
  int,
  list,
  optional,
  text,
  url,
} from '#runtime/config/config.ts';
import { kafkaConfig } from '#runtime/kafka/config.ts';

export const edgeConfig = defineConfig({
  ...baseConfig,
  /** The name of this edge, sent with every batch. */
  edgeId: text('HOP_EDGE_ID', { default: 'edge-1', pattern: /^[a-z0-9][a-z0-9-]{0,62}$/ }),
  /** Where Envoy appends clicks.jsonl, and where this process keeps its cursor. */
  spoolDir: text('HOP_SPOOL_DIR', { pattern: /^\// }),
  envoyAdmin: url('HOP_ENVOY_ADMIN'),
  ...kafkaConfig,
  analyticsAddresses: addresses('HOP_ANALYTICS_ADDRESS'),
  linkAddresses: addresses('HOP_LINK_ADDRESS'),
  domains: list('HOP_DOMAINS'),
  hostAliases: list('HOP_HOST_ALIASES', { default: [] }),
  /** The public routes that this edge's Envoy loads, to which a hot set falls back. Absent: nothing is hot. */
  envoyRoutesFile: optional(text('HOP_ENVOY_ROUTES_FILE', { pattern: /^\// })),
  /** How many links Envoy may answer by itself, and their size in bytes as sent. */
  hotEntries: int('HOP_HOT_ENTRIES', { min: 1, max: 100_000, default: 12_500 }),
  hotBytes: int('HOP_HOT_BYTES', { min: 65_536, default: 33_554_432 }),
  clicksTopic: text('HOP_CLICKS_TOPIC', { default: 'hop.clicks.v1' }),
  /** Partitions of that topic. If it has fewer, clicks go to those, and the health service reports it. */
  clicksPartitions: int('HOP_CLICKS_PARTITIONS', { min: 1, max: 1_000, default: 6 }),
  /** Replicas of each partition: 1 with one broker, 3 with three, of which two must have a click. Checked, not created. */
  kafkaReplication: int('HOP_KAFKA_REPLICATION', { min: 1, max: 9, default: 1 }),
  /** How long the first click of a batch waits for company. */
  lingerMs: duration('HOP_CLICKS_LINGER_MS', { max: 10_000, default: 250 }),
  batchClicks: int('HOP_CLICKS_BATCH', { min: 1, max: 50_000, default: 5_000 }),
  /** How often the spool is polled once it has been read to its end; at most five times a second after a second without a line. */
  pollMs: duration('HOP_SPOOL_POLL_MS', { min: 5, max: 1_000, default: 50 }),
  segmentBytes: int('HOP_SPOOL_SEGMENT_BYTES', { min: 65_536, default: 67_108_864 }),
  segmentAgeMs: duration('HOP_SPOOL_SEGMENT_AGE_MS', { min: 1_000, default: 600_000 }),
  /** The size limit of the spool while Kafka is away. Beyond it the oldest segments are dropped and counted; no redirect waits. */
  spoolMaxBytes: int('HOP_SPOOL_MAX_BYTES', { min: 1_048_576, default: 8_589_934_592 }),
  /** For how long an address may stand in the spool: older segments are dropped and counted. At most as long as salts are kept. */
  spoolMaxAgeMs: duration('HOP_SPOOL_MAX_AGE_MS', { min: 60_000, max: 2_592_000_000, default: 86_400_000 }),
  /** How often what Envoy wrote is flushed to disk, in case the host dies; 0: when the kernel sees fit. */
  spoolSyncMs: duration('HOP_SPOOL_SYNC_MS', { max: 60_000, default: 1_000 }),
  /** How long a start waits for the visitor salts before clicks are sent without visitors. */
  saltWaitMs: duration('HOP_SALT_WAIT_MS', { max: 60_000, default: 5_000 }),
  /** Geo databases in the MaxMind DB format; none: the packaged ones; "off": no places. */
  geoFiles: list('HOP_GEO_FILE', { default: [] }),
});

export type EdgeConfig = ConfigOf<typeof edgeConfig>;
