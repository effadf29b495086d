import { createClient, type Transport } from '@connectrpc/connect';
import { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import type { SessionCalls } from './session.ts';

/** Asks identity to keep the refresh token in a cookie that no script can read, and to omit it from the answer. */
export const keptInCookie = { useCookie: true };

export function sessionCalls(anonymous: Transport): SessionCalls {
  const identity = createClient(IdentityService, anonymous);
  return {
    refresh: (workspaceId = '') => identity.refreshSession({ ...keptInCookie, workspaceId }),
    async logOut(token) {
      await identity.logOut(keptInCookie, { headers: { authorization: `Bearer ${token}` } });
    },
  };
}
