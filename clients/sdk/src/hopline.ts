import { create, type MessageInitShape } from '@bufbuild/protobuf';
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
import { type Workspace, WorkspaceSchema } from '../gen/hop/identity/v1/user_pb.ts';
import type { Link } from '../gen/hop/link/v1/link_pb.ts';
import type { ListLinksRequestSchema } from '../gen/hop/link/v1/link_service_pb.ts';
import { toHoplineError } from './errors.ts';
import type { LiveOptions } from './lasting-stream.ts';
import { type LiveClicksOptions, liveClicks } from './live-clicks.ts';
import { liveCounts } from './live-counts.ts';
import { everyItem } from './pages.ts';
import { policyTransport, type World } from './policy.ts';
import { AnalyticsService, IdentityService, LinkService, StatusService, WorkspaceService } from './services.ts';
import { type Credentials, fixedCredentials, memoryStore, type SessionStore, sessionCredentials } from './session.ts';
import { world } from './world.ts';

/** An undefined option counts as omitted, as `process.env.HOP_API_KEY` may be. */
export interface CallerOptions {
  /** Calls with this API key (`hop_…`). An access token works too, until it expires. */
  readonly apiKey?: string | undefined;
  /** How long a call may take including retries, in milliseconds; a call can override it. Default: 10,000. */
  readonly deadlineMs?: number | undefined;
  /** The most retries of a call that may be repeated. Default: 3. */
  readonly retries?: number | undefined;
}

export interface HoplineOptions extends CallerOptions {
  /** The URL of the installation, for example `https://hop.example.org`. */
  readonly url: string;
  /** Where the session of a signed-in person is stored. Default: in memory, with the client. Has no effect with an API key. */
  readonly session?: SessionStore | undefined;
}

/**
 * A client of one installation. `links`, `identity`, `workspaces`, `analytics` and `status` have the calls of the contract; after signing up or in, the
 * client calls as that person, until it logs out. Every failure is a HoplineError.
 */
export interface Hopline {
  readonly links: Client<typeof LinkService>;
  readonly identity: Client<typeof IdentityService>;
  readonly workspaces: Client<typeof WorkspaceService>;
  readonly analytics: Client<typeof AnalyticsService>;
  readonly status: Client<typeof StatusService>;
  /**
   * Moves the session of the signed-in person to another workspace, one of ListWorkspaces; later calls are made there, calls that are under way may
   * still be made in the one before. The next log-in leads there, too.
   */
  useWorkspace(id: string): Promise<Workspace>;
  /** All links of ListLinks, page after page; a page has `pageSize` links (default 50, at most 1,000). */
  allLinks(request?: MessageInitShape<typeof ListLinksRequestSchema>, options?: CallOptions): AsyncGenerator<Link>;
  /** All clicks of ListClicks, newest first. */
  allClicks(request: MessageInitShape<typeof ListClicksRequestSchema>, options?: CallOptions): AsyncGenerator<Click>;
  /** The clicks of a link as they are counted, from now on, across broken connections; ended by its signal. */
  liveClicks(
    request: MessageInitShape<typeof WatchClicksRequestSchema>,
    options?: LiveClicksOptions,
  ): AsyncGenerator<Click>;
  /** How often the workspace's links were followed since a moment (default: UTC midnight), on every change; otherwise like liveClicks. */
  liveCounts(
    request?: MessageInitShape<typeof WatchWorkspaceRequestSchema>,
    options?: LiveOptions,
  ): AsyncGenerator<WatchWorkspaceResponse>;
}

const defaultDeadlineMs = 10_000;
const defaultRetries = 3;

/** A transport with this client's policy, for calls with fixed credentials or none. */
export function callerTransport(transport: Transport, options: CallerOptions, outside: World = world): Transport {
  return withPolicy(transport, options, fixedCredentials(options.apiKey), outside);
}

/** The client of both entry points, each over its own transport. */
export function hoplineOver(transport: Transport, options: HoplineOptions, outside: World = world): Hopline {
  const credentials =
    options.apiKey === undefined ? personCredentials(transport, options, outside) : fixedCredentials(options.apiKey);
  const calls = withPolicy(transport, options, credentials, outside);
  const links = createClient(LinkService, calls);
  const analytics = createClient(AnalyticsService, calls);
  return {
    links,
    identity: createClient(IdentityService, calls),
    workspaces: createClient(WorkspaceService, calls),
    analytics,
    status: createClient(StatusService, calls),
    async useWorkspace(id) {
      const { workspace } = await credentials.move(id).catch((thrown: unknown) => {
        throw toHoplineError(thrown);
      });
      return workspace ?? create(WorkspaceSchema);
    },
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
    refresh: (refreshToken, workspaceId = '') => identity.refreshSession({ refreshToken, workspaceId }),
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
