import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Client, HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { AnalyticsService } from '#gen/analytics/v1/analytics_service_pb.ts';
import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import type { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { personOf } from '#runtime/caller/access.ts';
import { invalid, notFound } from '#runtime/errors/errors.ts';
import { storeError } from '#runtime/postgres/pool.ts';
import { logFields } from '#runtime/rpc/call.ts';
import { callFrom } from '#runtime/rpc/client.ts';
import { clickMessage, isPersons } from './click-message.ts';
import { dayOf } from './housekeeping.ts';
import { keptFrom } from './kept.ts';
import { readPageToken, writePageToken } from './page-token.ts';
import { readStats, type Share } from './stats.ts';
import { planStats } from './stats-query.ts';
import type { ClickListStore, ClickPosition, EraseStore, SaltStore, StatsStore } from './store.ts';
import type { WatchStreams } from './watch-streams.ts';

interface Dependencies {
  readonly store: SaltStore;
  readonly erasure: EraseStore;
  readonly retentionDays: number;
  readonly minutesRetentionDays: number;
  readonly stats: StatsStore;
  readonly list: ClickListStore;
  readonly streams: Pick<WatchStreams, 'watch'>;
  readonly links: Pick<Client<typeof LinkService>, 'lookupLinks'>;
  readonly now?: () => number;
}

const dayMs = 86_400_000;
const defaultPageSize = 50;
const largestPage = 1_000;
/** Edges and the link's database have clocks of their own. */
const clockSlackUs = 3_600_000_000;
const newest: ClickPosition = { atUs: Date.UTC(2200, 0) * 1_000, skip: 0 };
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function createHandlers({
  store,
  erasure,
  retentionDays,
  minutesRetentionDays,
  stats,
  list,
  streams,
  links,
  now = Date.now,
}: Dependencies): ServiceImpl<typeof AnalyticsService> {
  return {
    async getLinkStats(request, context) {
      logFields(context).short_code = request.code;
      const link = await reachableLink(links, request, context);
      const query = planStats({
        from: request.from && microseconds(request.from),
        to: request.to && microseconds(request.to),
        interval: request.interval,
        timezone: request.timezone,
        linkCreatedAt: madeAt(link),
        now: now() * 1_000,
        kept: { clicksFrom: keptFrom(now(), retentionDays), minutesFrom: keptFrom(now(), minutesRetentionDays) },
      });
      const found = await fromStore(readStats(stats, link.id, query, request.includeBots ?? false));
      const { breakdowns } = found;
      return {
        clicks: found.clicks,
        visitors: found.visitors,
        bots: found.bots,
        heads: found.heads,
        prefetches: found.prefetches,
        series: found.series.map(({ at, clicks, visitors }) => ({ at: timestampFromMs(at / 1_000), clicks, visitors })),
        referrers: sharesOf(breakdowns.referrer),
        countries: sharesOf(breakdowns.country),
        cities: sharesOf(breakdowns.city),
        devices: sharesOf(breakdowns.device),
        browsers: sharesOf(breakdowns.browser),
        operatingSystems: sharesOf(breakdowns.operating_system),
        languages: sharesOf(breakdowns.language),
        ...(found.lastClickAt === undefined ? {} : { lastClickAt: timestampFromMs(found.lastClickAt) }),
      };
    },

    async listClicks(request, context) {
      logFields(context).short_code = request.code;
      const { pageSize, pageToken, includeBots: everything = false } = request;
      if (pageSize < 0) throw invalid('page_size', 'must not be negative');
      const link = await reachableLink(links, request, context);
      const question = [link.id, everything];
      const { clicks, next } = await fromStore(
        list.clicks({
          linkId: link.id,
          sinceUs: madeAt(link) - clockSlackUs,
          from: pageToken === '' ? newest : readPageToken(question, pageToken),
          limit: Math.min(pageSize || defaultPageSize, largestPage),
          everything,
        }),
      );
      return { clicks: clicks.map(clickMessage), nextPageToken: next ? writePageToken(question, next) : '' };
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

    async getClickCounts({ linkIds }) {
      const clicks = await fromStore(stats.totals(linkIds.filter((id) => uuid.test(id))));
      return { clicks: Object.fromEntries(clicks) };
    },

    async eraseClicks({ linkIds, workspaceIds }) {
      if (!linkIds.every((id) => uuid.test(id))) throw invalid('link_ids', 'must be UUIDs');
      if (!workspaceIds.every((id) => uuid.test(id))) throw invalid('workspace_ids', 'must be UUIDs');
      await fromStore(erasure.ask({ linkIds, workspaceIds }));
      const { clicks } = await fromStore(erasure.run());
      return { clicks };
    },

    async getVisitorSalts() {
      const today = now();
      return { salts: await fromStore(store.salts([dayOf(today), dayOf(today + dayMs)])) };
    },
  };
}

/** The link, when it belongs to the caller's workspace; whatever else there is under the code does not exist for the caller. */
async function reachableLink(
  links: Dependencies['links'],
  { code, domain }: { readonly code: string; readonly domain?: string | undefined },
  context: HandlerContext,
): Promise<LinkRecord> {
  const person = personOf(context);
  const { records } = await links.lookupLinks({ names: [{ domain: domain ?? '', code }] }, callFrom(context));
  const [record] = records;
  if (!record || record.deletedAt || record.workspaceId !== person.workspaceId)
    throw notFound('LINK_NOT_FOUND', 'There is no such link.');
  return record;
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

function sharesOf(shares: readonly Share[]): { value: string; clicks: number; visitors: number }[] {
  return shares.map(({ value, clicks, visitors }) => ({ value, clicks, visitors }));
}
