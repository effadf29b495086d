import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Client, HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { AnalyticsService, GetLinkStatsRequest } from '#gen/analytics/v1/analytics_service_pb.ts';
import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import type { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { personOf } from '#runtime/caller/access.ts';
import { notFound } from '#runtime/errors/errors.ts';
import { storeError } from '#runtime/postgres/pool.ts';
import { logFields } from '#runtime/rpc/call.ts';
import { callFrom } from '#runtime/rpc/client.ts';
import { dayOf } from './housekeeping.ts';
import { readStats, type Share } from './stats.ts';
import { planStats } from './stats-query.ts';
import type { SaltStore, StatsStore } from './store.ts';

interface Dependencies {
  readonly store: SaltStore;
  readonly stats: StatsStore;
  readonly links: Pick<Client<typeof LinkService>, 'lookupLinks'>;
  readonly now?: () => number;
}

const dayMs = 86_400_000;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function createHandlers({
  store,
  stats,
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
        linkCreatedAt: link.createdAt ? microseconds(link.createdAt) : 0,
        now: now() * 1_000,
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

    async getClickCounts({ linkIds }) {
      const clicks = await fromStore(stats.totals(linkIds.filter((id) => uuid.test(id))));
      return { clicks: Object.fromEntries(clicks) };
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
  { code, domain }: GetLinkStatsRequest,
  context: HandlerContext,
): Promise<LinkRecord> {
  const person = personOf(context);
  const { records } = await links.lookupLinks({ names: [{ domain: domain ?? '', code }] }, callFrom(context));
  const [record] = records;
  if (!record || record.workspaceId !== person.workspaceId) throw notFound('LINK_NOT_FOUND', 'There is no such link.');
  return record;
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
