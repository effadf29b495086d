import type { MessageInitShape } from '@bufbuild/protobuf';
import { type CallOptions, type Client, createClient, type Transport } from '@connectrpc/connect';
import type {
  ListClicksRequestSchema,
  WatchClicksRequestSchema,
} from '../gen/hop/analytics/v1/analytics_service_pb.ts';
import type { Click } from '../gen/hop/analytics/v1/click_pb.ts';
import type {
  WatchWorkspaceRequestSchema,
  WatchWorkspaceResponse,
} from '../gen/hop/analytics/v1/workspace_stats_pb.ts';
import type { Link } from '../gen/hop/link/v1/link_pb.ts';
import type { ListLinksRequestSchema } from '../gen/hop/link/v1/link_service_pb.ts';
import type { LiveOptions } from './lasting-stream.ts';
import { type LiveClicksOptions, liveClicks } from './live-clicks.ts';
import { liveCounts } from './live-counts.ts';
import { everyItem } from './pages.ts';
import { policyTransport, type World } from './policy.ts';
import { AnalyticsService, IdentityService, LinkService, StatusService } from './services.ts';
import { type Credentials, fixedCredentials, memoryStore, type SessionStore, sessionCredentials } from './session.ts';
import { world } from './world.ts';

/** An option that is undefined is one that was left out, as `process.env.HOP_API_KEY` may be. */
export interface CallerOptions {
  /** Calls as this API key (`hop_…`). An access token will do too, until it ends. */
  readonly apiKey?: string | undefined;
  /** How long a call may take, its repetitions included, in milliseconds; a call can say otherwise. Default: 10,000. */
  readonly deadlineMs?: number | undefined;
  /** How often a call that may be repeated is repeated at most. Default: 3. */
  readonly retries?: number | undefined;
}

export interface HoplineOptions extends CallerOptions {
  /** Where the installation is, for example `https://hop.example.org`. */
  readonly url: string;
  /** Where the session of a signed-in person is kept. Default: in memory, with the client. Without effect beside an API key. */
  readonly session?: SessionStore | undefined;
}

/**
 * A client of one installation. `links`, `identity`, `analytics` and `status` have the calls of the contract; signing up or in makes the client that
 * person, until it logs out. Every call fails with a HoplineError.
 */
export interface Hopline {
  readonly links: Client<typeof LinkService>;
  readonly identity: Client<typeof IdentityService>;
  readonly analytics: Client<typeof AnalyticsService>;
  readonly status: Client<typeof StatusService>;
  /** Every link that ListLinks lists, page after page; a page holds `pageSize` (default 50, at most 1,000). */
  allLinks(request?: MessageInitShape<typeof ListLinksRequestSchema>, options?: CallOptions): AsyncGenerator<Link>;
  /** Every click that ListClicks lists, newest first. */
  allClicks(request: MessageInitShape<typeof ListClicksRequestSchema>, options?: CallOptions): AsyncGenerator<Click>;
  /** The clicks of a link as they are counted, from now on, across broken connections; ends by its signal. */
  liveClicks(
    request: MessageInitShape<typeof WatchClicksRequestSchema>,
    options?: LiveClicksOptions,
  ): AsyncGenerator<Click>;
  /** How often the links of the workspace were followed since a moment (default: UTC midnight), whenever that changes; like liveClicks. */
  liveCounts(
    request?: MessageInitShape<typeof WatchWorkspaceRequestSchema>,
    options?: LiveOptions,
  ): AsyncGenerator<WatchWorkspaceResponse>;
}

const defaultDeadlineMs = 10_000;
const defaultRetries = 3;

/** A transport with the policy of this client, for calls with fixed credentials or none. */
export function callerTransport(transport: Transport, options: CallerOptions, outside: World = world): Transport {
  return withPolicy(transport, options, fixedCredentials(options.apiKey), outside);
}

/** What both entries make, each over its own transport. */
export function hoplineOver(transport: Transport, options: HoplineOptions, outside: World = world): Hopline {
  const calls =
    options.apiKey === undefined
      ? withPolicy(transport, options, personCredentials(transport, options, outside), outside)
      : callerTransport(transport, options, outside);
  const links = createClient(LinkService, calls);
  const analytics = createClient(AnalyticsService, calls);
  return {
    links,
    identity: createClient(IdentityService, calls),
    analytics,
    status: createClient(StatusService, calls),
    allLinks: (request = {}, callOptions) =>
      everyItem(
        (pageToken) => links.listLinks({ ...request, pageToken }, callOptions),
        ({ urls }) => urls,
        request.pageToken,
      ),
    allClicks: (request, callOptions) =>
      everyItem(
        (pageToken) => analytics.listClicks({ ...request, pageToken }, callOptions),
        ({ clicks }) => clicks,
        request.pageToken,
      ),
    liveClicks: (request, live) => liveClicks(analytics, outside, request, live),
    liveCounts: (request = {}, live) => liveCounts(analytics, outside, request, live),
  };
}

function personCredentials(transport: Transport, options: HoplineOptions, outside: World): Credentials {
  const identity = createClient(IdentityService, withPolicy(transport, options, fixedCredentials(undefined), outside));
  return sessionCredentials({
    store: options.session ?? memoryStore(),
    refresh: (refreshToken) => identity.refreshSession({ refreshToken }),
    now: outside.now,
  });
}

const withPolicy = (transport: Transport, options: CallerOptions, credentials: Credentials, outside: World) =>
  policyTransport({
    transport,
    credentials,
    deadlineMs: options.deadlineMs ?? defaultDeadlineMs,
    retries: options.retries ?? defaultRetries,
    world: outside,
  });
