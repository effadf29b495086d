import type { MessageShape } from '@bufbuild/protobuf';
import { callUnaryMethod, createConnectQueryKey, useTransport } from '@connectrpc/connect-query';
import { type InfiniteData, type QueryClient, useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { Link } from '#gen/link/v1/link_pb.ts';
import { LinkService } from '#gen/link/v1/link_service_pb.ts';
import type { LinkFilter } from './link-filter.ts';

/** Enough to fill a tall screen four times: a first answer that comes quickly. */
const firstPage = 100;
/** Whoever scrolls on wants many, and each page is fetched again after a change: ten thousand links in twenty calls. */
const laterPage = 500;
const { getLink, listLinks } = LinkService.method;
type Pages = InfiniteData<MessageShape<typeof listLinks.output>, string>;

/** The links that match a filter, page after page. */
export function useLinks({ search, tag, state, order, domain }: LinkFilter) {
  const transport = useTransport();
  const asked = {
    orderBy: order,
    ...(search && { search }),
    ...(tag && { tag }),
    ...(state && { state }),
    ...(domain && { domain }),
  };
  const query = useInfiniteQuery({
    queryKey: createConnectQueryKey({ schema: listLinks, input: asked, transport, cardinality: 'infinite' }),
    queryFn: ({ pageParam: pageToken, signal }) => {
      const pageSize = pageToken === '' ? firstPage : laterPage;
      return callUnaryMethod(transport, listLinks, { ...asked, pageToken, pageSize }, { signal });
    },
    initialPageParam: '',
    getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined,
    // While another filter is being answered, the list stays: it does not flash at each word typed.
    placeholderData: (before) => (before?.pages[0]?.urls.length ? before : undefined),
  });
  const pages = query.data?.pages;
  const links = useMemo(() => pages?.flatMap(({ urls }) => urls), [pages]);
  const withDomains = useMemo(() => areOnSeveralDomains(links ?? []), [links]);
  return { query, links, withDomains };
}

/** Whether a code alone does not tell links apart. */
export const areOnSeveralDomains = (links: readonly Link[]): boolean =>
  links.some(({ domain }) => domain !== links[0]?.domain);

const listKey = createConnectQueryKey({ schema: listLinks, cardinality: 'infinite' });
/** The link that has a page of its own. */
const oneKey = createConnectQueryKey({ schema: getLink, cardinality: 'finite' });

/** The data on the screen, changed before the mesh has answered. */
export interface LinkLists {
  /** Replaces each link for which `change` returns another; undefined removes it. Returns a function that undoes this. */
  change(ids: ReadonlySet<string>, change: (link: Link) => Link | undefined): () => void;
  /** Loads the lists again. */
  renew(): void;
}

export function useLinkLists(): LinkLists {
  const queries = useQueryClient();
  return useMemo(
    () => ({
      change(ids, change) {
        // Fetches in flight were requested before the change, and would undo it on the screen.
        for (const queryKey of [listKey, oneKey]) void queries.cancelQueries({ queryKey });
        const before = [listKey, oneKey].flatMap((queryKey) => queries.getQueriesData({ queryKey }));
        queries.setQueriesData<Pages>({ queryKey: listKey }, (data) => data && withChanged(data, ids, change));
        queries.setQueriesData<Link>({ queryKey: oneKey }, (link) => (link && ids.has(link.id) ? change(link) : link));
        return () => restore(queries, before);
      },
      renew() {
        for (const queryKey of [listKey, oneKey]) void queries.invalidateQueries({ queryKey });
      },
    }),
    [queries],
  );
}

/** Pages without a changed link remain the same objects, so that their rows are not rendered again. */
function withChanged(data: Pages, ids: ReadonlySet<string>, change: (link: Link) => Link | undefined): Pages {
  const pages = data.pages.map((page) => {
    if (!page.urls.some(({ id }) => ids.has(id))) return page;
    return { ...page, urls: page.urls.flatMap((link) => (ids.has(link.id) ? (change(link) ?? []) : link)) };
  });
  return { ...data, pages };
}

function restore(queries: QueryClient, before: ReturnType<QueryClient['getQueriesData']>): void {
  for (const [key, data] of before) queries.setQueryData(key, data);
}
