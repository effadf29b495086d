import { createConnectQueryKey, useMutation } from '@connectrpc/connect-query';
import { useQueryClient } from '@tanstack/react-query';
import { useLocation } from 'wouter';
import { WorkspaceService } from '#gen/identity/v1/workspace_service_pb.ts';
import { problemOf } from '../../api/problem.ts';
import { TextField } from '../../components/controls/field.tsx';
import { useToast } from '../../components/feedback/toasts.tsx';
import { usePerson, useSessionParts } from '../../session/session-context.ts';
import { FormDialog } from './form-dialog.tsx';

const { listWorkspaces, createWorkspace, deleteWorkspace } = WorkspaceService.method;
const workspacesKey = createConnectQueryKey({ schema: listWorkspaces, cardinality: 'finite' });

interface WorkspaceDialogProps {
  readonly onClose: () => void;
}

/** Creates a workspace and goes there. */
export function CreateDialog({ onClose }: WorkspaceDialogProps) {
  const { session } = useSessionParts();
  const queries = useQueryClient();
  const [, go] = useLocation();
  const tell = useToast();
  const create = useMutation(createWorkspace, {
    onSuccess: async ({ id, name }) => {
      try {
        await session.move(id);
        go('/');
      } catch (error) {
        // It is there all the same: the form must not be sent again.
        tell({ text: `${name} is created, but you are not there yet. ${problemOf(error).advice}` });
        onClose();
      }
    },
    // Where its answer was lost it may be there, too.
    onSettled: () => void queries.invalidateQueries({ queryKey: workspacesKey }),
  });
  return (
    <FormDialog
      title="New workspace"
      submit="Create the workspace"
      isBusy={create.isPending}
      error={create.error}
      onSubmit={(text) => create.mutate({ name: text('name') })}
      onClose={onClose}
    >
      {(faults) => (
        <>
          <p>It has links, statistics, API keys and members of its own. You are its owner.</p>
          <TextField label="Name" name="name" maxLength={128} autoComplete="off" error={faults.name} />
        </>
      )}
    </FormDialog>
  );
}

export function DeleteDialog({ onClose }: WorkspaceDialogProps) {
  const { workspace } = usePerson();
  const { session } = useSessionParts();
  const tell = useToast();
  const remove = useMutation(deleteWorkspace, {
    onSuccess: () => {
      tell({ text: `${workspace.name} is deleted. Log in to go on in another workspace.` });
      session.forget();
    },
  });
  return (
    <FormDialog
      title={`Delete ${workspace.name}?`}
      submit="Delete it permanently"
      look="danger"
      isBusy={remove.isPending}
      error={remove.error}
      onSubmit={(text) => remove.mutate({ id: workspace.id, currentPassword: text('workspace-password') })}
      onClose={onClose}
    >
      {(faults) => (
        <>
          <p>
            For all of its members: its links stop working at once and their clicks are erased, its API keys stop
            working, and everybody is signed out of it. This cannot be undone.
          </p>
          <TextField
            label="Your password"
            name="workspace-password"
            type="password"
            autoComplete="current-password"
            maxLength={1024}
            error={faults.current_password}
          />
        </>
      )}
    </FormDialog>
  );
}
