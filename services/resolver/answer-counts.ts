import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import type { FollowState, Source } from './cached-link.ts';

export type Outcome = FollowState | 'preview' | 'absent' | 'malformed' | 'stale' | 'unavailable' | 'limited';
export type AnsweredBy = Source | 'filter' | 'none';

/** Counts answers. A redirect only pays for an addition to a plain number; the metric is updated when flush is called. */
export interface AnswerCounts {
  count(tier: AnsweredBy, outcome: Outcome): void;
  flush(): void;
}

interface Count {
  readonly tier: AnsweredBy;
  readonly outcome: Outcome;
  pending: number;
}

const resolutions = counter(metric.resolutions);
const tiers: readonly AnsweredBy[] = ['l1', 'redis', 'replica', 'primary', 'filter', 'none'];
const outcomes: readonly Outcome[] = [
  ...(['followable', 'disabled', 'expired', 'used_up', 'deleted'] as const),
  ...(['preview', 'absent', 'malformed', 'stale', 'unavailable', 'limited'] as const),
];

export function createAnswerCounts(): AnswerCounts {
  const counts: Count[] = [];
  const byTier = new Map<AnsweredBy, Map<Outcome, Count>>();
  for (const tier of tiers) {
    const byOutcome = new Map<Outcome, Count>();
    byTier.set(tier, byOutcome);
    for (const outcome of outcomes) {
      const count = { tier, outcome, pending: 0 };
      byOutcome.set(outcome, count);
      counts.push(count);
    }
  }
  return {
    count(tier, outcome) {
      const count = byTier.get(tier)?.get(outcome);
      if (count) count.pending++;
    },
    flush() {
      for (const count of counts) {
        if (count.pending === 0) continue;
        resolutions.add(count.pending, { tier: count.tier, outcome: count.outcome });
        count.pending = 0;
      }
    },
  };
}
