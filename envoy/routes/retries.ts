import { extension, type JsonObject } from '../json.ts';
import { limits } from '../limits.ts';

/** What certainly never reached a handler, for any call: no connection, or a stream refused by a process that is shutting down. */
const neverBegun = 'connect-failure,refused-stream,reset-before-request';
const retryOn = { write: neverBegun, read: `${neverBegun},reset` } as const;

/** As a route says it. */
export interface RetryPolicy {
  readonly write: JsonObject;
  /** Also when a process dies while handling it. A shed (503) is an answer, and never retried. */
  readonly read: JsonObject;
  /** For resolvers. Also when a process does not answer: several in a row and it gets no more calls for a while (clusters.ts). */
  readonly redirect: JsonObject;
}

const anotherHost: JsonObject = {
  retry_host_predicate: [
    extension('previous-hosts', 'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate'),
  ],
  host_selection_retry_max_attempts: '20',
};

/**
 * A process that is shutting down looks idle, so the balancer picks it again and again: hence the many attempts to find another host. The
 * cluster's budget limits all retries together.
 */
const policy = (kind: keyof typeof retryOn): JsonObject => ({
  retry_on: retryOn[kind],
  num_retries: 2,
  retry_back_off: { base_interval: '0.010s', max_interval: '0.050s' },
  ...anotherHost,
});

export const retryPolicy: RetryPolicy = {
  write: policy('write'),
  read: policy('read'),
  redirect: { ...policy('read'), per_try_timeout: `${limits.redirectTryMs / 1_000}s` },
};

const saying = (status: string): JsonObject => ({ name: 'x-status', string_match: { exact: status } });

/**
 * For files that are named after their content. During an upgrade of gateway-access, a page may come from one version and its script be
 * requested from the other, which does not have it. So another process is tried, because without its script the page stays empty.
 */
export const assetRetries: JsonObject = {
  ...policy('read'),
  retry_on: `${retryOn.read},retriable-headers`,
  retriable_headers: [saying('404')],
};

/**
 * For a cluster whose second group of hosts stands in for the first: the next try goes there, also when the first has not answered by then,
 * and when it answers 503. That gateway-access found no resolver in time, as on busy cores, means less than a resolver that Envoy itself
 * reaches.
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
 * For Envoy's own calls to gateway-access. Envoy also uses the longest pause between tries as the timeout of one try (its
 * convertCoreToRouteRetryPolicy), so it is the whole time of the call; a shorter one would refuse callers whenever the machine is busy.
 */
export const ownCallRetries = (kind: keyof typeof retryOn, timeoutMs: number): JsonObject => ({
  retry_on: retryOn[kind],
  num_retries: 2,
  retry_back_off: { base_interval: '0.010s', max_interval: `${timeoutMs / 1_000}s` },
  ...anotherHost,
});

/**
 * When a host dies, half of what is in flight may have to be retried at once. Only calls without an answer are retried, so an overload,
 * which answers, is not made worse.
 */
export const retryBudget: JsonObject = { budget_percent: { value: 50 }, min_retry_concurrency: 64 };
