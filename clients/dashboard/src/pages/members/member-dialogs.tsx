import { useMutation } from '@connectrpc/connect-query';
import type { Member } from '#gen/identity/v1/member_pb.ts';
import { WorkspaceService } from '#gen/identity/v1/workspace_service_pb.ts';
import { TextField } from '../../components/controls/field.tsx';
import { ConfirmDialog } from '../../components/dialogs/confirm-dialog.tsx';
import { useToast } from '../../components/feedback/toasts.tsx';
import { usePerson, useSessionParts } from '../../session/session-context.ts';
import { FormDialog } from './form-dialog.tsx';
import { RoleField } from './role-field.tsx';

interface MemberDialogProps {
  readonly member: Member;
  /** Also where it failed, because the list may be old then. */
  readonly onDone: () => void;
  readonly onClose: () => void;
}

export const nameOf = ({ name, email }: Member): string => name || email;

export function RoleDialog({ member, onDone, onClose }: MemberDialogProps) {
  const tell = useToast();
  const change = useMutation(WorkspaceService.method.updateMember, {
    onSuccess: ({ role }) => {
      tell({ text: `${nameOf(member)} is ${role} now.` });
      onClose();
    },
    onSettled: onDone,
  });
  return (
    <FormDialog
      title={`The role of ${nameOf(member)}`}
      submit="Change the role"
      isBusy={change.isPending}
      error={change.error}
      onSubmit={(text) => change.mutate({ userId: member.userId, role: text('role') })}
      onClose={onClose}
    >
      {(faults) => (
        <>
          <p>It holds within five seconds. {member.isCurrent ? 'You have' : 'They have'} to sign in again.</p>
          <RoleField defaultValue={member.role} error={faults.role} />
        </>
      )}
    </FormDialog>
  );
}

export function RemoveDialog({ member, onDone, onClose }: MemberDialogProps) {
  const tell = useToast();
  const remove = useMutation(WorkspaceService.method.removeMember, {
    onSuccess: () => {
      tell({ text: `${nameOf(member)} is removed.` });
      onClose();
    },
    onSettled: onDone,
  });
  return (
    <ConfirmDialog
      title={`Remove ${nameOf(member)}?`}
      confirm="Remove them"
      keep="Keep them"
      isBusy={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate({ userId: member.userId })}
      onClose={onClose}
    >
      They are signed out of this workspace within five seconds, and their API keys for it stop working. The links that
      they created stay.
    </ConfirmDialog>
  );
}

export function LeaveDialog({ onClose }: { readonly onClose: () => void }) {
  const { workspace } = usePerson();
  const { session } = useSessionParts();
  const tell = useToast();
  const leave = useMutation(WorkspaceService.method.removeMember, {
    onSuccess: () => {
      tell({ text: `You have left ${workspace.name}. Log in to go on in another workspace.` });
      session.forget();
    },
  });
  return (
    <ConfirmDialog
      title={`Leave ${workspace.name}?`}
      confirm="Leave it"
      keep="Stay"
      isBusy={leave.isPending}
      error={leave.error}
      onConfirm={() => leave.mutate({ userId: 'me' })}
      onClose={leave.isPending ? undefined : onClose}
    >
      You are signed out, and your API keys for this workspace stop working. The links that you created stay. Only an
      invitation brings you back.
    </ConfirmDialog>
  );
}

export function RenameDialog({ onClose }: { readonly onClose: () => void }) {
  const { workspace } = usePerson();
  const { session } = useSessionParts();
  const rename = useMutation(WorkspaceService.method.updateWorkspace, {
    onSuccess: () => {
      onClose();
      // Whoever shows the name, here and in other tabs, has it from the session. Where that cannot be renewed just now it is later.
      session.renew().catch(() => {});
    },
  });
  return (
    <FormDialog
      title="Rename the workspace"
      submit="Save the name"
      isBusy={rename.isPending}
      error={rename.error}
      onSubmit={(text) => rename.mutate({ name: text('name') })}
      onClose={onClose}
    >
      {(faults) => (
        <TextField
          label="Name"
          name="name"
          maxLength={128}
          autoComplete="off"
          defaultValue={workspace.name}
          error={faults.name}
        />
      )}
    </FormDialog>
  );
}
