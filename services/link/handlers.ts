import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import type { Link } from '#gen/link/v1/link_pb.ts';
import type { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { personOf } from '#runtime/caller/access.ts';
import { invalid, notFound } from '#runtime/errors/errors.ts';
import { logFields, metadataOf, setResponseMetadata } from '#runtime/rpc/call.ts';
import { callFrom } from '#runtime/rpc/client.ts';
import { rowTokens } from '#runtime/rpc/page-token.ts';
import { type Domains, isUuid, type LinkKey, linkKey } from '#runtime/shortlink/link-key.ts';
import { absentRecord, dateOf } from '#runtime/shortlink/link-record.ts';
import type { ChangeFeed } from './changes/change-feed.ts';
import { watchResponse } from './changes/watch-message.ts';
import type { Closing } from './closing/closing.ts';
import type { DestinationRules } from './destinations/destination.ts';
import type { ClickCounts } from './links/click-counts.ts';
import { idempotencyOf } from './links/idempotency.ts';
import { type Counts, linkMessage, type ShortUrls } from './links/link-message.ts';
import { type Links, noSuchLink, refuseDeleted, type Target } from './links/links.ts';
import { jsonBytesOf, largestPageBytes } from './links/page-bytes.ts';
import type { TakeUse } from './links/use-queue.ts';
import { checkCreate, checkList, checkPatch, domainOf, named } from './requests.ts';
import type { LinkStore, ListQuery } from './store.ts';

export interface Dependencies {
  readonly domains: Domains;
  readonly destinations: DestinationRules;
  readonly shortUrl: ShortUrls;
  readonly store: LinkStore;
  readonly links: Links;
  readonly takeUse: TakeUse;
  readonly closing: Pick<Closing, 'close'>;
  readonly feed: Pick<ChangeFeed, 'subscribe'>;
  readonly clicks: ClickCounts;
}

type Handlers = ServiceImpl<typeof LinkService>;

/** How a request names a link. */
interface LinkName {
  readonly code: string;
  readonly domain?: string | undefined;
}

const lookalikesAtOnce = 10_000;
const noUses: ReadonlyMap<string, number> = new Map();

export function createHandlers(dependencies: Dependencies): Handlers {
  return { ...publicHandlers(dependencies), ...internalHandlers(dependencies) };
}

type InternalCalls = 'watch' | 'listLookalikes' | 'lookupLinks' | 'takeClick' | 'closeWorkspace';

function publicHandlers(dependencies: Dependencies): Omit<Handlers, InternalCalls> {
  const { domains, store, links, clicks, shortUrl } = dependencies;
  const rules = { domains, destinations: dependencies.destinations };

  /** How often they were followed, as counted by analytics and, for links with a limit, by their uses. */
  async function countsFor(records: readonly LinkRecord[], context: HandlerContext) {
    const limited = records.filter(({ maxClicks }) => maxClicks > 0).map(({ id }) => id);
    const [clickCountOf, uses] = await Promise.all([
      clicks.of(
        records.map(({ id }) => id),
        callFrom(context),
      ),
      limited.length === 0 ? noUses : store.uses(limited),
    ]);
    return ({ id }: LinkRecord): Counts => ({ clickCount: clickCountOf(id), used: uses.get(id) ?? 0 });
  }

  async function counted(record: LinkRecord, context: HandlerContext): Promise<Link> {
    const countsOf = await countsFor([record], context);
    return tagged(linkMessage(record, shortUrl, countsOf(record), Date.now()), context);
  }

  function target(request: LinkName, context: HandlerContext, etag?: string): Target {
    const key = keyOf(domains, request, context);
    return { workspaceId: personOf(context).workspaceId, key, etag, ifMatch: metadataOf(context, 'if-match') };
  }

  return {
    async createLink(request, context) {
      const { link, alias, asked } = checkCreate(request, personOf(context), rules);
      const idempotency = idempotencyOf(metadataOf(context, 'idempotency-key'), asked);
      const { record, replayed } = await named(request, links.create(link, alias, idempotency));
      logFields(context).short_code = record.code;
      setResponseMetadata(context, 'x-status', '201');
      setResponseMetadata(context, 'location', resourceOf(record, domains));
      if (replayed) setResponseMetadata(context, 'idempotency-replayed', 'true');
      // Nobody can have followed it yet; and a replay repeats the first answer, as of then.
      const asOf = record.createdAt ? dateOf(record.createdAt).getTime() : Date.now();
      return tagged(linkMessage(record, shortUrl, { clickCount: 0, used: 0 }, asOf), context);
    },
    async getLink(request, context) {
      const { workspaceId, key } = target(request, context);
      const record = await store.find(workspaceId, key);
      if (!record) throw noSuchLink();
      refuseDeleted(record);
      return counted(record, context);
    },
    async updateLink(request, context) {
      const edit = checkPatch(request.patch, request.updateMask, rules);
      const updated = links.update(target(request, context, request.patch?.etag), edit);
      return counted(await named(request.patch, updated), context);
    },
    async deleteLink(request, context) {
      await links.delete(target(request, context, request.etag));
      return {};
    },
    async undeleteLink(request, context) {
      return counted(await links.undelete(target(request, context)), context);
    },
    async listLinks(request, context) {
      const { query, question } = checkList(request, personOf(context), domains);
      await requireUser(store, query, personOf(context).userId);
      const page = cut(await store.list({ ...query, limit: query.limit + 1 }), query.limit);
      const countsOf = await countsFor(page.records, context);
      const now = Date.now();
      const urls = page.records.map((record) => linkMessage(record, shortUrl, countsOf(record), now));
      const last = page.more ? page.records.at(-1) : undefined;
      return { urls, nextPageToken: last ? rowTokens.write(question, positionOf(last, query)) : '' };
    },
    listDomains() {
      const { all, defaultDomain } = domains;
      return {
        domains: all.map((name) => ({
          name,
          isDefault: name === defaultDomain,
          shortUrlBase: shortUrl({ domain: name, code: '' }),
        })),
      };
    },
  };
}

/** Where the API has a link: without it a 201 would be about the path that was posted to (RFC 9110, 15.3.2). */
function resourceOf({ domain, code }: LinkRecord, { defaultDomain }: Domains): string {
  const path = `/api/v1/urls/${encodeURIComponent(code)}`;
  return domain === defaultDomain ? path : `${path}?domain=${domain}`;
}

/** Also sends the etag as an HTTP header, for clients to send back as If-Match. */
function tagged(link: Link, context: HandlerContext): Link {
  setResponseMetadata(context, 'etag', `"${link.etag}"`);
  return link;
}

function internalHandlers({ domains, store, feed, takeUse, closing }: Dependencies): Pick<Handlers, InternalCalls> {
  return {
    async *watch(request, context) {
      for await (const events of feed.subscribe(request.cursor, context.signal)) {
        for (const event of events) yield watchResponse(event);
      }
    },
    async *listLookalikes(_request, context) {
      let after: LinkKey | undefined;
      while (!context.signal.aborted) {
        const keys = await store.lookalikes(after, lookalikesAtOnce);
        if (keys.length > 0) yield { codes: keys.map(({ code }) => code) };
        if (keys.length < lookalikesAtOnce) return;
        after = keys.at(-1);
      }
    },
    async lookupLinks(request) {
      const unknown = new Set<string>();
      const keys = request.names.flatMap(({ domain, code }) => {
        const known = domains.named(domain);
        if (known === undefined) unknown.add(domain);
        return known === undefined || code.includes('\0') ? [] : [linkKey(known, code)];
      });
      const named = keys.length === 0 ? [] : await store.lookup(keys);
      const { workspaceId, linkIds } = request;
      const unknownDomains = [...unknown];
      if (linkIds.length === 0) return { records: named, unknownDomains };
      if (!isUuid(workspaceId)) throw invalid('workspace_id', 'must be a UUID');
      if (!linkIds.every((id) => isUuid(id))) throw invalid('link_ids', 'must be UUIDs');
      return { records: [...named, ...(await store.lookupIds(workspaceId, linkIds))], unknownDomains };
    },
    async takeClick({ domain, code, linkId, version }, context) {
      if (!isUuid(linkId)) throw invalid('link_id', 'must be a UUID');
      logFields(context).short_code = code;
      const { granted, record } = await takeUse({ domain, code, id: linkId }, context.signal);
      if (granted && record?.version === version) return { granted };
      return { granted, record: record ?? absentRecord({ domain, code }) };
    },
    async closeWorkspace({ workspaceId }, context) {
      if (!isUuid(workspaceId)) throw invalid('workspace_id', 'must be a UUID');
      logFields(context).workspace_id = workspaceId;
      await closing.close(workspaceId);
      return {};
    },
  };
}

function keyOf(domains: Domains, { code, domain }: LinkName, context: HandlerContext): LinkKey {
  logFields(context).short_code = code;
  const key = linkKey(domainOf(domains, domain), code);
  // Postgres text cannot hold NUL: no link has such a code.
  if (key.code.includes('\0')) throw noSuchLink();
  return key;
}

/** A user other than the caller is known here only by the links that they created in the caller's workspace. */
async function requireUser(store: LinkStore, { createdBy, workspaceId }: ListQuery, callerId: string): Promise<void> {
  if (createdBy === undefined || createdBy === callerId) return;
  if (isUuid(createdBy) && (await store.hasMadeLinks(workspaceId, createdBy))) return;
  throw notFound('USER_NOT_FOUND', 'There is no such user.');
}

/** As many of the records as fit a page, by number and by bytes, but at least one. */
function cut(records: readonly LinkRecord[], limit: number): { records: readonly LinkRecord[]; more: boolean } {
  let bytes = 0;
  let count = 0;
  for (const record of records) {
    bytes += jsonBytesOf(record);
    if (count === limit || (count > 0 && bytes > largestPageBytes)) break;
    count++;
  }
  return { records: records.slice(0, count), more: count < records.length };
}

function positionOf(record: LinkRecord, { orderBy }: ListQuery): { at: Date; id: string } {
  const at = orderBy === 'created_at' ? record.createdAt : record.updatedAt;
  return { at: at ? dateOf(at) : new Date(0), id: record.id };
}
