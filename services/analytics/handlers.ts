import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Client, HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { AnalyticsService, GetLinkStatsRequest } from '#gen/analytics/v1/analytics_service_pb.ts';
import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import type { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { personOf } from '#runtime/caller/access.ts';
import { fromConnectError, invalid, notFound } from '#runtime/errors/errors.ts';
import type { ConcurrencyLimit } from '#runtime/limits/concurrency-limit.ts';
import { storeError } from '#runtime/postgres/pool.ts';
import { logFields } from '#runtime/rpc/call.ts';
import { callFrom } from '#runtime/rpc/client.ts';
import { pageSizeOf } from '#runtime/rpc/page-size.ts';
import { isUuid } from '#runtime/shortlink/link-key.ts';
import { clickMessage, isPersons } from './click-message.ts';
import { sinceOf } from './live/watch-since.ts';
import type { WatchStreams } from './live/watch-streams.ts';
import { dayOf } from './retention/housekeeping.ts';
import { clickTokens } from './statistics/page-token.ts';
import { clockSlack, retainedFrom } from './statistics/retained.ts';
import { readStats } from './statistics/stats.ts';
import { linkStatsMessage, workspaceStatsMessage } from './statistics/stats-message.ts';
import { planStats, type StatsQuestion } from './statistics/stats-query.ts';
import { planWorkspaceStats } from './statistics/workspace/workspace-query.ts';
import { readWorkspaceStats } from './statistics/workspace/workspace-stats.ts';
import type { WorkspaceStore } from './statistics/workspace/workspace-store.ts';
import type { ClickListStore, ClickPosition, EraseStore, SaltStore, StatsStore } from './store.ts';

interface Dependencies {
  readonly store: SaltStore;
  readonly erasure: EraseStore;
  readonly retentionDays: number;
  readonly minutesRetentionDays: number;
  readonly stats: StatsStore;
  readonly workspaces: WorkspaceStore;
  readonly list: ClickListStore;
  /** How many of these reads one workspace may have under way: a slow one takes seconds of a connection. */
  readonly readLimit: ConcurrencyLimit;
  readonly streams: Pick<WatchStreams, 'watch' | 'watchWorkspace'>;
  readonly links: Pick<Client<typeof LinkService>, 'lookupLinks'>;
  readonly now?: () => number;
}

const dayMs = 86_400_000;
const defaultPageSize = 50;
const defaultTopLinks = 10;
const mostTopLinks = 100;
const newest: ClickPosition = { atUs: Date.UTC(2200, 0) * 1_000, skip: 0 };

type Calls = ServiceImpl<typeof AnalyticsService>;

export function createHandlers(dependencies: Dependencies): Calls {
  return { ...statisticsCalls(dependencies), ...clickCalls(dependencies), ...meshCalls(dependencies) };
}

/** The calls for counts. */
function statisticsCalls({
  stats,
  workspaces,
  readLimit,
  links,
  retentionDays,
  minutesRetentionDays,
  now = Date.now,
}: Dependencies): Pick<Calls, 'getLinkStats' | 'getWorkspaceStats'> {
  return {
    async getLinkStats(request, context) {
      logFields(context).short_code = request.code;
      const link = await reachableLink(links, request, context);
      const { clicksFrom, minutesFrom } = await fromStore(stats.retained());
      const query = planStats({
        ...askedOf(request, now()),
        linkCreatedAt: madeAt(link),
        retained: {
          clicksFrom: Math.max(clicksFrom, retainedFrom(now(), retentionDays)),
          minutesFrom: Math.max(minutesFrom, retainedFrom(now(), minutesRetentionDays)),
        },
      });
      const read = () => readStats(stats, link.id, query, request.includeBots ?? false);
      const found = await fromStore(readLimit.run(link.workspaceId, read));
      return linkStatsMessage(found);
    },

    async getWorkspaceStats(request, context) {
      const { includeBots: bots = false, topLinks } = request;
      if (topLinks < 0) throw invalid('top_links', 'must not be negative');
      const { workspaceId } = personOf(context);
      const query = planWorkspaceStats(askedOf(request, now()));
      const limit = Math.min(topLinks || defaultTopLinks, mostTopLinks);
      // Twice as many, because some may no longer exist.
      const read = () => readWorkspaceStats(workspaces, workspaceId, query, { bots, limit: 2 * limit });
      const found = await fromStore(readLimit.run(workspaceId, read));
      const linkIds = found.top.map(({ linkId }) => linkId);
      const records = linkIds.length === 0 ? [] : await namedLinks(links, { workspaceId, linkIds }, context);
      return workspaceStatsMessage(found, query.previous, records, limit);
    },
  };
}

/** The calls for single clicks, stored and live. */
function clickCalls({
  list,
  readLimit,
  streams,
  links,
  now = Date.now,
}: Dependencies): Pick<Calls, 'listClicks' | 'watchClicks' | 'watchWorkspace'> {
  return {
    async listClicks(request, context) {
      logFields(context).short_code = request.code;
      const { pageSize, pageToken, includeBots: everything = false } = request;
      const limit = pageSizeOf(pageSize, defaultPageSize);
      const link = await reachableLink(links, request, context);
      const question = [link.id, everything];
      const asked = {
        linkId: link.id,
        sinceUs: madeAt(link) - clockSlack,
        from: pageToken === '' ? newest : clickTokens.read(question, pageToken),
        limit,
        everything,
      };
      const { clicks, next } = await fromStore(readLimit.run(link.workspaceId, () => list.clicks(asked)));
      return { clicks: clicks.map(clickMessage), nextPageToken: next ? clickTokens.write(question, next) : '' };
    },

    async *watchClicks(request, context) {
      logFields(context).short_code = request.code;
      const link = await reachableLink(links, request, context);
      for await (const event of streams.watch(personOf(context), link, context.signal)) {
        if (event.type === 'heartbeat') {
          const heartbeat = { at: timestampFromMs(now()), skipped: event.skipped };
          yield { event: { case: 'heartbeat', value: heartbeat } };
        } else if (request.includeBots || isPersons(event.click)) {
          yield { event: { case: 'click', value: clickMessage(event.click) } };
        }
      }
    },

    async *watchWorkspace(request, context) {
      const sinceUs = sinceOf(request.since && microseconds(request.since), now() * 1_000);
      for await (const { clicks, visitors, bots } of streams.watchWorkspace(
        personOf(context),
        sinceUs,
        context.signal,
      )) {
        yield { at: timestampFromMs(now()), clicks, visitors, bots };
      }
    },
  };
}

/** The calls for other processes of the mesh. */
function meshCalls({
  store,
  stats,
  erasure,
  now = Date.now,
}: Dependencies): Pick<Calls, 'getClickCounts' | 'eraseClicks' | 'getVisitorSalts'> {
  return {
    async getClickCounts({ linkIds }) {
      const clicks = await fromStore(stats.totals(linkIds.filter((id) => isUuid(id))));
      return { clicks: Object.fromEntries(clicks) };
    },

    async eraseClicks({ linkIds, workspaceIds }) {
      if (!linkIds.every((id) => isUuid(id))) throw invalid('link_ids', 'must be UUIDs');
      if (!workspaceIds.every((id) => isUuid(id))) throw invalid('workspace_ids', 'must be UUIDs');
      await fromStore(erasure.ask({ linkIds, workspaceIds }));
      const { clicks } = await fromStore(erasure.run([...linkIds, ...workspaceIds]));
      return { clicks };
    },

    async getVisitorSalts() {
      const today = now();
      return { salts: await fromStore(store.salts([dayOf(today), dayOf(today + dayMs)])) };
    },
  };
}

/**
 * The link, if it belongs to the caller's workspace; any other link with this code does not exist for the caller. Throws INVALID_ARGUMENT
 * when the domain is not one of ours.
 */
async function reachableLink(
  links: Dependencies['links'],
  { code, domain }: { readonly code: string; readonly domain?: string | undefined },
  context: HandlerContext,
): Promise<LinkRecord> {
  const person = personOf(context);
  const names = [{ domain: domain ?? '', code }];
  const { records, unknownDomains } = await links.lookupLinks({ names }, callFrom(context));
  if (unknownDomains.length > 0) throw invalid('domain', 'is not one of this installation', 'DOMAIN_UNKNOWN');
  const [record] = records;
  if (!record || record.deletedAt || record.workspaceId !== person.workspaceId)
    throw notFound('LINK_NOT_FOUND', 'There is no such link.');
  return record;
}

/** Undefined if the link service does not answer: the counts are valid without the names. */
async function namedLinks(
  links: Dependencies['links'],
  asked: { readonly workspaceId: string; readonly linkIds: string[] },
  context: HandlerContext,
): Promise<readonly LinkRecord[] | undefined> {
  try {
    return (await links.lookupLinks(asked, callFrom(context))).records;
  } catch (error) {
    const { kind } = fromConnectError(error);
    if (kind !== 'unavailable' && kind !== 'timeout' && kind !== 'limited') throw error;
    logFields(context).links_unnamed = kind;
    return undefined;
  }
}

/** The requested period and its intervals. */
function askedOf(
  { from, to, interval, timezone }: Pick<GetLinkStatsRequest, 'from' | 'to' | 'interval' | 'timezone'>,
  nowMs: number,
): Omit<StatsQuestion, 'linkCreatedAt' | 'retained'> {
  return { from: from && microseconds(from), to: to && microseconds(to), interval, timezone, now: nowMs * 1_000 };
}

function madeAt({ createdAt }: LinkRecord): number {
  return createdAt ? microseconds(createdAt) : 0;
}

async function fromStore<Result>(reading: Promise<Result>): Promise<Result> {
  try {
    return await reading;
  } catch (error) {
    throw storeError(error);
  }
}

function microseconds({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1_000_000 + Math.floor(nanos / 1_000);
}
