import { extension, type JsonObject } from '../json.ts';
import { limits } from '../limits.ts';

/** What surely never reached a handler, whatever the call does: no connection, or a stream that a leaving process refused. */
const neverBegun = 'connect-failure,refused-stream,reset-before-request';
const retryOn = { write: neverBegun, read: `${neverBegun},reset` } as const;

/** As a route says it. */
export interface RetryPolicy {
  readonly write: JsonObject;
  /** Also when a process dies over it. A shed (503) is an answer, and never sent again. */
  readonly read: JsonObject;
}

const anotherHost: JsonObject = {
  retry_host_predicate: [
    extension('previous-hosts', 'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate'),
  ],
  host_selection_retry_max_attempts: '20',
};

/**
 * A process that goes away looks idle, so the balancer picks it again and again: hence the many attempts to find another
 * host. The cluster's budget bounds all retries together.
 */
const policy = (kind: keyof RetryPolicy): JsonObject => ({
  retry_on: retryOn[kind],
  num_retries: 2,
  retry_back_off: { base_interval: '0.010s', max_interval: '0.050s' },
  ...anotherHost,
});

export const retryPolicy: RetryPolicy = { write: policy('write'), read: policy('read') };

const saying = (status: string): JsonObject => ({ name: 'x-status', string_match: { exact: status } });

/**
 * For files that are named after what they hold. While one version of gateway-access takes over from another, a page may come from the one and
 * its script be asked of the other, which has none of that name. So another one is asked, for without its script the page stays empty.
 */
export const assetRetries: JsonObject = {
  ...policy('read'),
  retry_on: `${retryOn.read},retriable-headers`,
  retriable_headers: [saying('404')],
};

/**
 * For a cluster whose second group of hosts answers in place of the first: the next try goes there, also when the first has not answered by then,
 * and when it says 503. That it heard of no resolver in time, as on busy cores, says less than a resolver that this door reaches.
 */
export const readinessRetries: JsonObject = {
  ...policy('read'),
  retry_on: `${retryOn.read},retriable-headers`,
  retriable_headers: [saying('503')],
  per_try_timeout: `${limits.readinessTryMs / 1_000}s`,
  retry_priority: extension(
    'previous-priorities',
    'envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig',
    {
      update_frequency: 1,
    },
  ),
};

/**
 * For what Envoy itself asks gateway-access. Envoy takes the longest pause between tries for the longest time of one try too
 * (its convertCoreToRouteRetryPolicy), so it is the whole time of the call; a shorter one would refuse callers
 * whenever the machine is busy.
 */
export const ownCallRetries = (kind: keyof RetryPolicy, timeoutMs: number): JsonObject => ({
  retry_on: retryOn[kind],
  num_retries: 2,
  retry_back_off: { base_interval: '0.010s', max_interval: `${timeoutMs / 1_000}s` },
  ...anotherHost,
});

/**
 * When a host dies, half of what is in flight may have to be sent again at once. Only what met no answer is, so that
 * an overload, which answers, is not made worse.
 */
export const retryBudget: JsonObject = { budget_percent: { value: 50 }, min_retry_concurrency: 64 };
