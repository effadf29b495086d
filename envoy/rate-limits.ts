import { Exposure } from '#gen/options/v1/access_pb.ts';
import { loadConfig } from '#runtime/config/config.ts';
import type { Rpc } from '#runtime/contract/contract.ts';
import { type LimitName, type RateLimits, rateLimitTable } from '#runtime/limits/rate-limits.ts';
import { setHeader } from './headers.ts';
import { extension, type JsonObject, typed } from './json.ts';
import { limits } from './limits.ts';
import { ownCallRetries } from './routes/retries.ts';

/** The figures of the public contract. */
export const defaultRateLimits: RateLimits = loadConfig(rateLimitTable, {});

/** The filters that count before the credential check, and after it. */
export interface RateLimitFilters {
  readonly byAddress: readonly JsonObject[];
  readonly byCaller: readonly JsonObject[];
}

/** Calls with a limit of their own; all others without credentials share one. A call that asks for a password counts as a log-in. */
const ownLimits: Readonly<Record<string, 'signups' | 'logins'>> = {
  'hop.identity.v1.IdentityService/SignUp': 'signups',
  'hop.identity.v1.IdentityService/LogIn': 'logins',
  'hop.identity.v1.IdentityService/ChangePassword': 'logins',
  'hop.identity.v1.IdentityService/UpdateCurrentUser': 'logins',
  'hop.identity.v1.IdentityService/DeleteCurrentUser': 'logins',
  'hop.identity.v1.WorkspaceService/DeleteWorkspace': 'logins',
};

const shared = 'limit-address';

const byAddress: JsonObject = { masked_remote_address: { v4_prefix_mask_len: 32, v6_prefix_mask_len: 64 } };
/** Set by gateway-access, which counted the call across all edges; without it there is no descriptor, and nothing is counted. */
const byCaller: JsonObject = {
  metadata: {
    descriptor_key: 'caller',
    metadata_key: { key: 'envoy.filters.http.ext_authz', path: [{ key: 'caller' }] },
    source: 'DYNAMIC',
  },
};
const always = (limit: LimitName): JsonObject => ({
  generic_key: { descriptor_key: 'limit', descriptor_value: limit },
});
/** Invalid credentials are counted by gateway-access, which is the one that knows. */
const withoutCredentials: JsonObject = {
  header_value_match: {
    descriptor_key: 'limit',
    descriptor_value: 'anonymous' satisfies LimitName,
    expect_match: false,
    headers: [{ name: 'authorization', present_match: true }],
  },
};

/** A limit as counted by Envoy itself: its values, the descriptor, and the descriptor's entries. */
interface Near {
  readonly limit: LimitName;
  readonly actions: readonly JsonObject[];
  readonly entries: readonly JsonObject[];
}

const address = { actions: [byAddress], entries: [{ key: 'masked_remote_address' }] };
const near = {
  'near signups': { limit: 'signups', ...address },
  'near logins': { limit: 'logins', ...address },
  'near anonymous': { limit: 'anonymous', ...address },
  /** Calls that need credentials; each of Envoy's filters has its own buckets, so these are not the ones above. */
  'near uncredentialed': {
    limit: 'anonymous',
    actions: [withoutCredentials, byAddress],
    entries: [{ key: 'limit', value: 'anonymous' }, ...address.entries],
  },
  'near caller': { limit: 'caller', actions: [byCaller], entries: [{ key: 'caller' }] },
} as const satisfies Readonly<Record<string, Near>>;
type NearName = keyof typeof near;

/**
 * Each limit exists twice. Envoy's own count comes first: the excess of one address ends here, cheaply, whether or not the shared count is
 * available. It has the same values, so it never refuses what should pass a single edge.
 */
export function rateLimitFilters(figures: RateLimits): RateLimitFilters {
  const { 'near caller': _, ...addresses } = near;
  const names = Object.keys(addresses) as NearName[];
  return {
    byAddress: [...names.map((name) => nearFilter(name, figures)), sharedFilter(shared)],
    byCaller: [nearFilter('near caller', figures)],
  };
}

/** Whether clients are told how much is left of a limit that this call has for itself, and not of the caller's. */
export const hasOwnLimit = ({ name }: Rpc): boolean => name in ownLimits;

/** The limits of a route, as configuration of its filters. Calls that are not PUBLIC have none. */
export function rateLimitsOf({ name, exposure, anonymous }: Rpc): JsonObject {
  if (exposure !== Exposure.PUBLIC) return {};
  const own = ownLimits[name];
  const ofCaller = anonymous ? {} : { 'near caller': on };
  if (own) {
    // Envoy says nothing about a filter that is not there.
    const filter: NearName = `near ${own}`;
    return { [filter]: on, [shared]: counts([always(own), byAddress]), ...ofCaller };
  }
  if (anonymous) return { 'near anonymous': on, [shared]: counts([always('anonymous'), byAddress]) };
  return {
    'near uncredentialed': on,
    [shared]: counts([withoutCredentials, byAddress]),
    ...ofCaller,
  };
}

const on = typed('envoy.config.route.v3.FilterConfig', { config: {} });

function counts(actions: readonly JsonObject[]): JsonObject {
  return typed('envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute', { rate_limits: [{ actions }] });
}

/** The count across all edges, kept by gateway-access. When it is unavailable, the request proceeds. */
function sharedFilter(name: string): JsonObject {
  return extension(name, 'envoy.extensions.filters.http.ratelimit.v3.RateLimit', {
    domain: 'hopline',
    timeout: `${limits.rateLimitMs / 1_000}s`,
    failure_mode_deny: false,
    rate_limited_as_resource_exhausted: true,
    disable_x_envoy_ratelimited_header: true,
    rate_limit_service: {
      transport_api_version: 'V3',
      grpc_service: {
        envoy_grpc: { cluster_name: 'gateway-access' },
        timeout: `${limits.rateLimitMs / 1_000}s`,
        retry_policy: ownCallRetries('write', limits.rateLimitMs),
      },
    },
  });
}

function nearFilter(name: NearName, figures: RateLimits): JsonObject {
  const { limit, actions, entries } = near[name];
  const { calls, periodSeconds } = figures[limit];
  return extension(name, 'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit', {
    stat_prefix: name.replace(' ', '_'),
    // Both default to 0 %.
    filter_enabled: whole('enabled'),
    filter_enforced: whole('enforced'),
    rate_limited_as_resource_exhausted: true,
    rate_limits: [{ actions }],
    // An entry without a value has a bucket for each value seen, up to this many, least recently used first out.
    descriptors: [{ entries, token_bucket: bucket(calls, periodSeconds) }],
    max_dynamic_descriptors: limits.nearBuckets,
    always_consume_default_token_bucket: false,
    // Required, and used for requests without a descriptor: those are not limited.
    token_bucket: bucket(unlimited, 1),
    response_headers_to_add: refusalHeaders(calls, periodSeconds),
  });
}

const unlimited = 4_294_967_295;

const bucket = (calls: number, periodSeconds: number): JsonObject => ({
  max_tokens: calls,
  tokens_per_fill: calls,
  fill_interval: `${periodSeconds}s`,
});

/** What gateway-access would send: a bucket that refuses is empty, so it is full after one period, to the second. */
function refusalHeaders(calls: number, periodSeconds: number): JsonObject[] {
  const headers = {
    'x-ratelimit-limit': String(calls),
    'x-ratelimit-remaining': '0',
    'x-ratelimit-reset': `%CEL(int(request.time) + ${periodSeconds})%`,
    'retry-after': String(Math.ceil(periodSeconds / calls)),
  };
  return Object.entries(headers).map(([key, value]) => setHeader(key, value));
}

const whole = (what: string): JsonObject => ({
  default_value: { numerator: 100, denominator: 'HUNDRED' },
  runtime_key: `near_limits.${what}`,
});
