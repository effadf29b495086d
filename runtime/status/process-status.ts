import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ProcessStatusSchema } from '#gen/status/v1/process_status_pb.ts';
import type { Figure, Figures } from '../telemetry/figures.ts';
import { type Metric, metric } from '../telemetry/schema.ts';
import type { TierCounts } from './tier-rates.ts';

type StatusInit = Exclude<MessageInitShape<typeof ProcessStatusSchema>, { readonly $typeName: string }>;

const breakerStates: Readonly<Record<number, string>> = { 0: 'closed', 1: 'half_open', 2: 'open' };

/** The part of a process's status that comes from its metrics; what it did not measure is left out. */
export function statusOf(figures: Figures, perSecond: (tier: string, answers: number) => number): StatusInit {
  const sum = (of: Metric): number => figures.sum(of) ?? 0;
  const most = (of: Metric): number => Math.max(0, ...figures.all(of).map(({ value }) => value));
  const has = (of: Metric): boolean => figures.all(of).length > 0;
  return {
    callsInFlight: sum(metric.serverInFlight),
    dependencies: named(figures.all(metric.dependencyUp), 'dependency').map(({ name, value }) => ({
      name,
      up: value === 1,
    })),
    breakers: breakersOf(figures),
    tiers: [...tierCounts(figures)].map(([tier, answers]) => ({
      tier,
      answers,
      answersPerSecond: perSecond(tier, answers),
    })),
    ...(has(metric.watchAge) && { watch: watchOf(sum(metric.watchAge)) }),
    ...(has(metric.watchSubscribers) && { watchSubscribers: sum(metric.watchSubscribers) }),
    ...(has(metric.hotSetEntries) && { hotSet: hotSetOf(sum) }),
    ...(has(metric.leaseStateAge) && { lease: leaseOf(sum) }),
    ...(has(metric.spoolBytes) && { spool: spoolOf(figures, sum) }),
    ...(has(metric.clickLag) && {
      kafkaConsumer: {
        lagMessages: sum(metric.consumerLag),
        lagSeconds: sum(metric.clickLag),
        stalledSeconds: most(metric.consumerStalled),
      },
    }),
  };
}

/** How this process answered follows of links, by tier: at an edge what Envoy answered by itself, elsewhere its own tiers. */
export function tierCounts(figures: Figures): TierCounts {
  const own = figures.all(metric.follows).filter(({ attributes }) => attributes.tier === 'edge');
  const counts = new Map<string, number>();
  const answered = [...own, ...figures.all(metric.resolutions)].filter(({ value }) => value > 0);
  for (const { name, value } of named(answered, 'tier')) counts.set(name, (counts.get(name) ?? 0) + value);
  return counts;
}

function breakersOf(figures: Figures): NonNullable<StatusInit['breakers']> {
  const opened = figures.all(metric.breakerEvents).filter(({ attributes }) => attributes.event === 'opened');
  const openedBy = new Map(named(opened, 'breaker').map(({ name, value }) => [name, value]));
  return named(figures.all(metric.breakerState), 'breaker').map(({ name, value }) => ({
    name,
    state: breakerStates[value] ?? '',
    opened: openedBy.get(name) ?? 0,
  }));
}

/** Infinite while unknown, which JSON cannot express. */
const watchOf = (ageSeconds: number): StatusInit['watch'] => (Number.isFinite(ageSeconds) ? { ageSeconds } : {});

const hotSetOf = (sum: (of: Metric) => number): StatusInit['hotSet'] => ({
  entries: sum(metric.hotSetEntries),
  entryCapacity: sum(metric.hotSetCapacity),
  bytes: sum(metric.hotBytes),
  byteCapacity: sum(metric.hotBytesCapacity),
  envoys: sum(metric.hotSetEnvoys),
  pushes: sum(metric.hotSetPushDuration),
  rejections: sum(metric.hotSetRejections),
  promotions: sum(metric.hotPromotions),
  demotions: sum(metric.hotDemotions),
  corrections: sum(metric.hotCorrections),
});

const leaseOf = (sum: (of: Metric) => number): StatusInit['lease'] => ({
  held: sum(metric.leaseHeld) === 1,
  ageSeconds: sum(metric.leaseStateAge),
  ttlSeconds: sum(metric.leaseTtl),
  withdrawals: sum(metric.leaseWithdrawals),
});

function spoolOf(figures: Figures, sum: (of: Metric) => number): StatusInit['spool'] {
  const messages = new Map(named(figures.all(metric.kafkaMessages), 'outcome').map(({ name, value }) => [name, value]));
  return {
    bytes: sum(metric.spoolBytes),
    ageSeconds: Math.max(0, sum(metric.spoolAge)),
    acknowledged: messages.get('acknowledged') ?? 0,
    failed: messages.get('failed') ?? 0,
  };
}

function named(figures: readonly Figure[], attribute: string): { readonly name: string; readonly value: number }[] {
  return figures
    .map(({ attributes, value }) => ({ name: String(attributes[attribute]), value }))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}
