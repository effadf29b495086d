import type { ServiceImpl } from '@connectrpc/connect';
import type { StatusService } from '#gen/status/v1/status_service_pb.ts';
import { personOf } from '#runtime/caller/access.ts';
import { forbidden } from '#runtime/errors/errors.ts';
import { reasons } from '#runtime/errors/reasons.ts';
import type { ReadMeshStatus } from './mesh-status.ts';

interface Dependencies {
  readonly status: ReadMeshStatus;
  /** The workspaces whose administrators operate this installation; `*` means every workspace. */
  readonly operators: readonly string[];
}

/** Everyone who signs up administers their own workspace, which does not entitle them to see everyone's activity. */
export function createStatus({ status, operators }: Dependencies): ServiceImpl<typeof StatusService> {
  const mayAsk = (workspaceId: string): boolean => operators.includes('*') || operators.includes(workspaceId);
  return {
    async getMeshStatus(_request, context) {
      const { workspaceId } = personOf(context);
      if (!mayAsk(workspaceId)) throw forbidden('OPERATOR_ONLY', reasons.OPERATOR_ONLY.sentence);
      return status();
    },
  };
}
