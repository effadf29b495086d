import type { ServiceImpl } from '@connectrpc/connect';
import type { PagesService } from '#gen/pages/v1/pages_service_pb.ts';
import { isHead, setResponseMetadata } from '#runtime/rpc/call.ts';

const headers = [
  ['x-status', '200'],
  ['cache-control', 'no-store'],
  ['x-content-type-options', 'nosniff'],
] as const;
const degraded = Buffer.from(JSON.stringify({ status: 'degraded', degraded: ['gateway-access'] }));
const nothing = new Uint8Array();

/**
 * The /readyz answer while gateway-access, which checks all parts of the mesh, does not respond. Envoy calls this when a resolver is in
 * rotation: redirects work, and the state of the other parts is unknown.
 */
export const readiness: Pick<ServiceImpl<typeof PagesService>, 'getReadiness'> = {
  getReadiness(_request, context) {
    for (const [name, value] of headers) setResponseMetadata(context, name, value);
    return { contentType: 'application/json', data: isHead(context) ? nothing : degraded };
  },
};
