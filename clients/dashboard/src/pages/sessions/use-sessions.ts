import { createConnectQueryKey, useInfiniteQuery } from '@connectrpc/connect-query';
import { useQueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';

const { listSessions } = IdentityService.method;
const listKey = createConnectQueryKey({ schema: listSessions, cardinality: 'infinite' });

/** For what changes which sessions there are. */
export function useSessionList() {
  const queries = useQueryClient();
  return { reload: (): void => void queries.invalidateQueries({ queryKey: listKey }) };
}

/** The sessions of the person, page after page. */
export function useSessions() {
  const query = useInfiniteQuery(
    listSessions,
    { pageToken: '', pageSize: 100 },
    { pageParamKey: 'pageToken', getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined },
  );
  const pages = query.data?.pages;
  const sessions = useMemo(() => pages?.flatMap((page) => page.sessions) ?? [], [pages]);
  return { query, sessions, ...useSessionList() };
}
