import type { ServiceImpl } from '@connectrpc/connect';
import type { RateLimitDescriptor } from '#gen-envoy/extensions/common/ratelimit/v3/ratelimit_pb.ts';
import { RateLimitResponse_Code as Code, type RateLimitService } from '#gen-envoy/service/ratelimit/v3/rls_pb.ts';
import { type LimitName, rateLimitTable } from '#runtime/limits/rate-limits.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { type Bucket, type Buckets, rateLimitHeaders, tightest } from './buckets.ts';

const decided = counter(metric.rateLimits);

/**
 * Envoy's rate limit service. A descriptor is `limit` with the name of a limit, then whom it counts. An error here is not
 * a refusal: Envoy lets the request through, and its own limits hold.
 */
export function createRateLimits({ buckets }: { readonly buckets: Buckets }): ServiceImpl<typeof RateLimitService> {
  return {
    async shouldRateLimit({ descriptors, hitsAddend }) {
      const asked = descriptors.map(bucketOf);
      const known = asked.filter((bucket) => bucket !== undefined);
      const decisions = known.length === 0 ? [] : await buckets.take(known, hitsAddend || 1);
      for (const { limit, allowed } of decisions) decided.add(1, { kind: limit, outcome: outcomeOf(allowed) });
      const told = tightest(decisions);
      const statuses = asked.map((bucket) => {
        const decision = bucket && decisions[known.indexOf(bucket)];
        return decision
          ? { code: codeOf(decision.allowed), limitRemaining: decision.remaining }
          : { code: Code.OK, limitRemaining: 0 };
      });
      return {
        overallCode: codeOf(told?.allowed ?? true),
        statuses,
        responseHeadersToAdd: Object.entries(told ? rateLimitHeaders(told) : {}).map(([key, value]) => ({
          key,
          value,
        })),
      };
    },
  };
}

const codeOf = (allowed: boolean): Code => (allowed ? Code.OK : Code.OVER_LIMIT);
const outcomeOf = (allowed: boolean): string => (allowed ? 'allowed' : 'refused');

/** Undefined for what names no limit of ours: nothing is counted, and nobody refused. */
function bucketOf({ entries }: RateLimitDescriptor): Bucket | undefined {
  const [limit, subject] = entries;
  if (limit?.key !== 'limit' || !isLimit(limit.value) || !subject?.value) return undefined;
  return { limit: limit.value, subject: subject.value };
}

function isLimit(name: string): name is LimitName {
  return Object.hasOwn(rateLimitTable, name);
}
