import type { ServiceImpl } from '@connectrpc/connect';
import type { RateLimitDescriptor } from '#gen-envoy/extensions/common/ratelimit/v3/ratelimit_pb.ts';
import { RateLimitResponse_Code as Code, type RateLimitService } from '#gen-envoy/service/ratelimit/v3/rls_pb.ts';
import { type LimitName, rateLimitTable } from '#runtime/limits/rate-limits.ts';
import { type Bucket, type Buckets, type Decision, rateLimitHeaders, tightest } from './buckets.ts';

/**
 * Envoy's rate limit service. A descriptor is `limit` with the name of a limit, followed by the subject that it counts. What cannot be
 * counted is allowed: Envoy's own limits still hold.
 */
export function createRateLimits({ buckets }: { readonly buckets: Buckets }): ServiceImpl<typeof RateLimitService> {
  return {
    async shouldRateLimit({ descriptors, hitsAddend }) {
      const asked = descriptors.map(bucketOf);
      const known = asked.filter((bucket) => bucket !== undefined);
      const decisions = known.length === 0 ? [] : await buckets.take(known, hitsAddend || 1);
      const told = decisions && tightest(decisions);
      return {
        overallCode: codeOf(told),
        statuses: asked.map((bucket) => statusOf(bucket && decisions?.[known.indexOf(bucket)])),
        responseHeadersToAdd: Object.entries(told ? rateLimitHeaders(told) : {}).map(([key, value]) => ({
          key,
          value,
        })),
      };
    },
  };
}

const codeOf = (decision: Decision | undefined): Code => (decision?.allowed === false ? Code.OVER_LIMIT : Code.OK);
const statusOf = (decision: Decision | undefined) => ({
  code: codeOf(decision),
  limitRemaining: decision?.remaining ?? 0,
});

/** Undefined if no limit of ours is named: nothing is counted, and nobody refused. */
function bucketOf({ entries }: RateLimitDescriptor): Bucket | undefined {
  const [limit, subject] = entries;
  if (limit?.key !== 'limit' || !isLimit(limit.value) || !subject?.value) return undefined;
  return { limit: limit.value, subject: subject.value };
}

function isLimit(name: string): name is LimitName {
  return Object.hasOwn(rateLimitTable, name);
}
