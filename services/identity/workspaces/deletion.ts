import { notFound, stale } from '#runtime/errors/errors.ts';
import { currentPasswordWrong, mostConfirmations, type PasswordCheck } from '../accounts/password-check.ts';
import type { AccountStore, WorkspaceStore } from '../store.ts';
import { checkOwner, noWorkspace, personalWorkspace } from './workspaces.ts';

interface Deletion {
  readonly workspaceId: string;
  readonly userId: string;
  readonly currentPassword: string;
}

export interface WorkspaceDeletion {
  /** Deletes a workspace that the person owns, for all of its members. */
  delete(deletion: Deletion, signal?: AbortSignal): Promise<void>;
}

interface WorkspaceDeletionParts {
  readonly store: Pick<AccountStore, 'findPassword'> & Pick<WorkspaceStore, 'listWorkspaces' | 'deleteWorkspace'>;
  readonly check: PasswordCheck;
  /** Called when one was deleted: it is to be closed. */
  readonly onDeleted: () => void;
}

export function createWorkspaceDeletion({ store, check, onDeleted }: WorkspaceDeletionParts): WorkspaceDeletion {
  return {
    async delete({ workspaceId, userId, currentPassword }, signal) {
      const held = (await store.listWorkspaces(userId)).find(({ id }) => id === workspaceId);
      if (!held) throw noWorkspace();
      checkOwner(held.role);
      for (let attempt = 0; attempt < mostConfirmations; attempt++) {
        const record = await store.findPassword(userId, check.failuresSince());
        if (!record) throw notFound('USER_NOT_FOUND', 'The account is gone.');
        if (!(await check.confirms(record, currentPassword, signal))) throw currentPasswordWrong();
        const { passwordVersion } = record;
        const outcome = await store.deleteWorkspace(
          { workspaceId, actorId: userId, passwordVersion },
          personalWorkspace,
          (role) => {
            if (!role) throw noWorkspace();
            checkOwner(role);
          },
        );
        if (outcome === 'deleted') return onDeleted();
      }
      throw stale('ETAG_STALE', 'The workspace or the password was changed at the same time; try again.');
    },
  };
}
