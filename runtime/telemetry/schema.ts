/**
 * Every metric with its unit and attributes, and every attribute, declared once and before use. Attributes take few values: no code, no id,
 * no address, no person. Names follow Prometheus (unit at the end; the exporter adds `_total` to counters).
 */
export const attribute = {
  service: 'service',
  method: 'method',
  code: 'code',
  target: 'target',
  breaker: 'breaker',
  event: 'event',
  pool: 'pool',
  state: 'state',
  dependency: 'dependency',
  tier: 'tier',
  outcome: 'outcome',
  topic: 'topic',
  partition: 'partition',
  reason: 'reason',
  kind: 'kind',
} as const;

type Attribute = (typeof attribute)[keyof typeof attribute];

export interface MetricDefinition {
  readonly name: string;
  readonly kind: 'counter' | 'histogram' | 'gauge';
  readonly description: string;
  /** UCUM: s, By, 1. */
  readonly unit: string;
  readonly attributes: readonly Attribute[];
  /** Upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[];
  /**
   * Series of a counter that exist, as 0, before anything is counted: those whose first count an alert has to see. To increase(), a series
   * that begins at 5 has not grown.
   */
  readonly zeros?: readonly Readonly<Partial<Record<Attribute, string>>>[];
}

const seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export const metric = {
  // runtime/telemetry
  processCollecting: {
    name: 'hop_process_collecting_seconds',
    kind: 'counter',
    description:
      'Time that the process stood still while its heap was collected: minor, major, incremental, weak, other.',
    unit: 's',
    attributes: ['kind'],
    zeros: [{ kind: 'minor' }, { kind: 'major' }],
  },
  processHeap: {
    name: 'hop_process_heap_bytes',
    kind: 'gauge',
    description: 'The JavaScript heap: what is used of it, and its limit.',
    unit: 'By',
    attributes: ['state'],
  },
  // runtime/rpc
  serverDuration: {
    name: 'hop_rpc_server_duration_seconds',
    kind: 'histogram',
    description: 'Time from the arrival of a call to its status.',
    unit: 's',
    attributes: ['service', 'method', 'code'],
    buckets: seconds,
  },
  serverInFlight: {
    name: 'hop_rpc_server_in_flight',
    kind: 'gauge',
    description: 'Calls that have no status yet, streams among them.',
    unit: '1',
    attributes: [],
  },
  clientDuration: {
    name: 'hop_rpc_client_duration_seconds',
    kind: 'histogram',
    description: 'Time that a unary call to another process took.',
    unit: 's',
    attributes: ['service', 'method', 'code'],
    buckets: seconds,
  },
  dependencyUp: {
    name: 'hop_dependency_up',
    kind: 'gauge',
    description: '1 when the last check of the dependency passed, else 0.',
    unit: '1',
    attributes: ['dependency'],
  },
  // runtime/breaker
  breakerState: {
    name: 'hop_breaker_state',
    kind: 'gauge',
    description: '0 closed, 1 half open, 2 open.',
    unit: '1',
    attributes: ['breaker'],
  },
  breakerEvents: {
    name: 'hop_breaker_events',
    kind: 'counter',
    description: 'What a breaker did: opened, closed, rejected, failed, timed_out.',
    unit: '1',
    attributes: ['breaker', 'event'],
  },
  // runtime/postgres
  poolConnections: {
    name: 'hop_postgres_connections',
    kind: 'gauge',
    description: 'Connections of a pool by state: busy, idle, waiting.',
    unit: '1',
    attributes: ['pool', 'state'],
  },
  // runtime/kafka
  kafkaMessages: {
    name: 'hop_kafka_messages',
    kind: 'counter',
    description: 'Messages that a producer got acknowledged, or failed to.',
    unit: '1',
    attributes: ['topic', 'outcome'],
  },
  kafkaSendDuration: {
    name: 'hop_kafka_send_duration_seconds',
    kind: 'histogram',
    description: 'Time from a send to its acknowledgement by all replicas in sync.',
    unit: 's',
    attributes: ['topic'],
    buckets: seconds,
  },
  // services/link
  linkCreates: {
    name: 'hop_link_creates',
    kind: 'counter',
    description: 'Creations by outcome: created, replayed, taken, refused, shed, failed.',
    unit: '1',
    attributes: ['outcome'],
    zeros: [{ outcome: 'shed' }],
  },
  linkCodesTaken: {
    name: 'hop_link_codes_taken',
    kind: 'counter',
    description: 'Generated codes that another link had: as its alias, or because a number was handed out twice.',
    unit: '1',
    attributes: [],
    zeros: [{}],
  },
  linkChanges: {
    name: 'hop_link_changes',
    kind: 'counter',
    description: 'Change records that were committed, by kind: create, update, delete, undelete, purge.',
    unit: '1',
    attributes: ['kind'],
  },
  watchSubscribers: {
    name: 'hop_watch_subscribers',
    kind: 'gauge',
    description: 'Open Watch streams.',
    unit: '1',
    attributes: [],
  },
  relayWrites: {
    name: 'hop_relay_writes',
    kind: 'counter',
    description: 'Write-throughs to Redis by outcome: written, older, failed.',
    unit: '1',
    attributes: ['outcome'],
  },
  relayLag: {
    name: 'hop_relay_lag_seconds',
    kind: 'gauge',
    description: 'Age of the oldest committed change that Redis has not got.',
    unit: 's',
    attributes: [],
  },
  // services/identity and services/link
  closedWorkspacesAge: {
    name: 'hop_closed_workspaces_age_seconds',
    kind: 'gauge',
    description:
      'How long the oldest closed workspace waits: in identity, as far as the process has seen it, for the link service to know; in link, for its links to be deleted and its clicks erased.',
    unit: 's',
    attributes: ['service'],
  },
  // services/resolver
  cacheLag: {
    name: 'hop_resolver_cache_lag_seconds',
    kind: 'gauge',
    description:
      'How far Redis is behind the newest change, by what Watch tells; above HOP_RESOLVER_REPLICA_LAG_MS it is passed over.',
    unit: 's',
    attributes: [],
  },
  resolutions: {
    name: 'hop_resolver_resolutions',
    kind: 'counter',
    description: 'Codes resolved, by the tier that answered and what came of it.',
    unit: '1',
    attributes: ['tier', 'outcome'],
    zeros: [
      { tier: 'none', outcome: 'unavailable' },
      { tier: 'l1', outcome: 'stale' },
    ],
  },
  resolverCacheEntries: {
    name: 'hop_resolver_cache_entries',
    kind: 'gauge',
    description: 'Links in the cache of this process.',
    unit: '1',
    attributes: [],
  },
  foreignCodeKeys: {
    name: 'hop_resolver_foreign_code_keys',
    kind: 'gauge',
    description: 'Code keys of the link service that this process has not, or has with another secret.',
    unit: '1',
    attributes: [],
  },
  watchAge: {
    name: 'hop_watch_heartbeat_age_seconds',
    kind: 'gauge',
    description: 'Age of the newest Watch heartbeat that this process heard.',
    unit: 's',
    attributes: [],
  },
  clockAhead: {
    name: 'hop_primary_clock_ahead_seconds',
    kind: 'gauge',
    description:
      "The primary's clock less this host's, at least, by the newest Watch heartbeat; negative: this host's is ahead. 0 while nothing is known.",
    unit: 's',
    attributes: [],
  },
  // services/identity
  logins: {
    name: 'hop_identity_logins',
    kind: 'counter',
    description: 'Log-ins by outcome: ok, failed, limited.',
    unit: '1',
    attributes: ['outcome'],
  },
  signups: {
    name: 'hop_identity_signups',
    kind: 'counter',
    description: 'Sign-ups by outcome: ok, taken, refused.',
    unit: '1',
    attributes: ['outcome'],
  },
  passwordsConfirmed: {
    name: 'hop_identity_passwords_confirmed',
    kind: 'counter',
    description: 'Current passwords that a change of the account asked for, by outcome: ok, failed, limited.',
    unit: '1',
    attributes: ['outcome'],
  },
  passwordsShed: {
    name: 'hop_identity_passwords_shed',
    kind: 'counter',
    description: 'Passwords that were refused unchecked because too many wait to be hashed, of whatever accounts.',
    unit: '1',
    attributes: [],
    zeros: [{}],
  },
  tokensReused: {
    name: 'hop_identity_tokens_reused',
    kind: 'counter',
    description: 'Refresh tokens that came again after their grace; each ended its session.',
    unit: '1',
    attributes: [],
    zeros: [{}],
  },
  // services/analytics
  clicksConsumed: {
    name: 'hop_clicks_consumed',
    kind: 'counter',
    description:
      'Clicks read from Kafka by outcome: stored, duplicates, expired, future, erased; malformed counts messages given up.',
    unit: '1',
    attributes: ['outcome'],
    zeros: [{ outcome: 'malformed' }, { outcome: 'future' }],
  },
  clickStrays: {
    name: 'hop_click_strays',
    kind: 'gauge',
    description: 'Rows in the default partitions, because the partition of their day is missing; 0 when all is well.',
    unit: '1',
    attributes: [],
  },
  clickLogResets: {
    name: 'hop_click_log_resets',
    kind: 'counter',
    description: 'Times that a partition of the topic was found made anew, cut short or with a gap.',
    unit: '1',
    attributes: [],
    zeros: [{}],
  },
  clickBatchDuration: {
    name: 'hop_click_batch_duration_seconds',
    kind: 'histogram',
    description: 'Time of one transaction with a batch of clicks.',
    unit: 's',
    attributes: [],
    buckets: seconds,
  },
  clickLag: {
    name: 'hop_click_lag_seconds',
    kind: 'gauge',
    description:
      'Age of the oldest click that was read and is not stored yet; while there is none, that of the last stored one when it became visible, for a minute or for as long as more is known to wait in Kafka.',
    unit: 's',
    attributes: [],
  },
  consumerLag: {
    name: 'hop_consumer_lag_messages',
    kind: 'gauge',
    description: 'Messages of a partition that are not stored yet, as of the last fetch.',
    unit: '1',
    attributes: ['partition'],
  },
  consumerStalled: {
    name: 'hop_consumer_stalled_seconds',
    kind: 'gauge',
    description:
      'For how long what a process has read has waited since it could not be stored, or not be given up, for each partition that it has to read, since nothing is fetched meanwhile. 0 while it can.',
    unit: 's',
    attributes: ['partition'],
  },
  consumerUnread: {
    name: 'hop_consumer_unread_seconds',
    kind: 'gauge',
    description:
      'For how long messages in a partition of the topic have not been read, or were read by another process that cannot store them, or Kafka has not said whether there are any (partition all: of any partition); up to twenty seconds when all is well.',
    unit: 's',
    attributes: ['partition'],
  },
  // gateway/access
  authorizations: {
    name: 'hop_access_authorizations',
    kind: 'counter',
    description: 'ext_authz decisions by kind of caller and outcome.',
    unit: '1',
    attributes: ['kind', 'outcome'],
  },
  rateLimits: {
    name: 'hop_access_rate_limits',
    kind: 'counter',
    description: 'Rate limit decisions by limit and outcome: allowed, refused, uncounted.',
    unit: '1',
    attributes: ['kind', 'outcome'],
  },
  // gateway/edge
  spoolBytes: {
    name: 'hop_edge_spool_bytes',
    kind: 'gauge',
    description: 'Bytes in the spool that Kafka has not acknowledged.',
    unit: 'By',
    attributes: [],
  },
  spoolCapacity: {
    name: 'hop_edge_spool_capacity_bytes',
    kind: 'gauge',
    description: 'Bytes that there may be in the spool; beyond them its oldest segments are deleted unsent.',
    unit: 'By',
    attributes: [],
  },
  spoolAge: {
    name: 'hop_edge_spool_age_seconds',
    kind: 'gauge',
    description:
      'Age of the oldest click in the spool that Kafka has not acknowledged, or for how long the spool could not be read, if that is longer.',
    unit: 's',
    attributes: [],
  },
  clickLines: {
    name: 'hop_edge_click_lines',
    kind: 'counter',
    description: 'Spool lines by outcome: sent, malformed, not_a_click.',
    unit: '1',
    attributes: ['outcome'],
    zeros: [{ outcome: 'malformed' }],
  },
  clicksDropped: {
    name: 'hop_edge_clicks_dropped',
    kind: 'counter',
    description: 'Click lines that were deleted before they were sent, by reason: quota, age.',
    unit: '1',
    attributes: ['reason'],
    zeros: [{ reason: 'quota' }, { reason: 'age' }],
  },
  spoolUnreadable: {
    name: 'hop_edge_spool_unreadable_segments',
    kind: 'gauge',
    description: 'Segments of the spool that the file system does not let gateway-edge read; their clicks wait.',
    unit: '1',
    attributes: [],
  },
  spoolUndeletable: {
    name: 'hop_edge_spool_undeletable_segments',
    kind: 'gauge',
    description:
      'Segments of the spool that the file system does not let gateway-edge delete; addresses stand in them.',
    unit: '1',
    attributes: [],
  },
  spoolDiskFree: {
    name: 'hop_edge_spool_disk_free_bytes',
    kind: 'gauge',
    description: 'Room on the disk of the spool. Without any, Envoy cannot write clicks.',
    unit: 'By',
    attributes: [],
  },
  hotSetEntries: {
    name: 'hop_edge_hot_set_entries',
    kind: 'gauge',
    description: 'Links in the route table that Envoy acknowledged last.',
    unit: '1',
    attributes: [],
  },
  hotSetCapacity: {
    name: 'hop_edge_hot_set_capacity_entries',
    kind: 'gauge',
    description: 'Links that there may be in the hot set.',
    unit: '1',
    attributes: [],
  },
  hotSetEnvoys: {
    name: 'hop_edge_hot_set_envoys',
    kind: 'gauge',
    description: 'Envoys that ask for the hot set.',
    unit: '1',
    attributes: [],
  },
  hotSetPushDuration: {
    name: 'hop_edge_hot_set_push_duration_seconds',
    kind: 'histogram',
    description: "Time from a new hot set to Envoy's acknowledgement.",
    unit: 's',
    attributes: [],
    buckets: seconds,
  },
  hotSetRejections: {
    name: 'hop_edge_hot_set_rejections',
    kind: 'counter',
    description: 'Hot sets that Envoy refused.',
    unit: '1',
    attributes: [],
    zeros: [{}],
  },
  hotPromotions: {
    name: 'hop_edge_hot_promotions',
    kind: 'counter',
    description: 'Links that were chosen for the hot set.',
    unit: '1',
    attributes: [],
  },
  hotDemotions: {
    name: 'hop_edge_hot_demotions',
    kind: 'counter',
    description: 'Links that cooled, or made room for hotter ones.',
    unit: '1',
    attributes: [],
  },
  hotCorrections: {
    name: 'hop_edge_hot_corrections',
    kind: 'counter',
    description: 'Hot links that were replaced or taken out because they changed or expired.',
    unit: '1',
    attributes: [],
  },
  hotBytes: {
    name: 'hop_edge_hot_bytes',
    kind: 'gauge',
    description: 'Bytes of the entries of the hot set as they are sent.',
    unit: 'By',
    attributes: [],
  },
  hotBytesCapacity: {
    name: 'hop_edge_hot_capacity_bytes',
    kind: 'gauge',
    description: 'Bytes that there may be in the hot set.',
    unit: 'By',
    attributes: [],
  },
  follows: {
    name: 'hop_edge_follows',
    kind: 'counter',
    description: 'Followed links by the tier that answered; what the edge answered by itself has the tier edge.',
    unit: '1',
    attributes: ['tier'],
  },
  leaseTtl: {
    name: 'hop_edge_lease_ttl_seconds',
    kind: 'gauge',
    description: 'How long the last renewal of the lease was good for; 0 while it is withdrawn.',
    unit: 's',
    attributes: [],
  },
  leaseWithdrawals: {
    name: 'hop_edge_lease_withdrawals',
    kind: 'counter',
    description: 'Withdrawn leases by reason: resynchronising, silent.',
    unit: '1',
    attributes: ['reason'],
  },
  leaseWithheldShards: {
    name: 'hop_edge_lease_withheld_shards',
    kind: 'gauge',
    description: 'Parts of the hot set, of 65, that are cold until every Envoy has a change of a link in them.',
    unit: '1',
    attributes: [],
  },
  leaseHeld: {
    name: 'hop_edge_lease_held',
    kind: 'gauge',
    description: '1 while the hot set may be served, else 0.',
    unit: '1',
    attributes: [],
  },
  leaseStateAge: {
    name: 'hop_edge_lease_state_age_seconds',
    kind: 'gauge',
    description: 'How long the lease has been granted, or withdrawn.',
    unit: 's',
    attributes: [],
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export type Metric = (typeof metric)[keyof typeof metric];
