import { useQuery } from '@connectrpc/connect-query';
import type { Domain } from '#gen/link/v1/domain_pb.ts';
import { LinkService } from '#gen/link/v1/link_service_pb.ts';

const none: readonly Domain[] = [];

/** The short hosts of the installation, the default first; none while they are not known. They change by configuration alone. */
export function useDomains(): readonly Domain[] {
  const { data } = useQuery(LinkService.method.listDomains, {}, { staleTime: Number.POSITIVE_INFINITY });
  return data?.domains ?? none;
}
