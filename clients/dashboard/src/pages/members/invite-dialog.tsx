import { useMutation } from '@connectrpc/connect-query';
import { WorkspaceService } from '#gen/identity/v1/workspace_service_pb.ts';
import { Button } from '../../components/controls/button.tsx';
import { CopyField } from '../../components/controls/copy-field.tsx';
import { TextField } from '../../components/controls/field.tsx';
import { Dialog, DialogActions } from '../../components/dialogs/dialog.tsx';
import { FormDialog } from './form-dialog.tsx';
import { RoleField } from './role-field.tsx';

interface InviteProps {
  /** Also where it is not known whether the invitation was made. */
  readonly onMade: () => void;
  readonly onClose: () => void;
}

/** Creates an invitation, and shows its link, only this once. */
export function InviteDialog({ onMade, onClose }: InviteProps) {
  const invite = useMutation(WorkspaceService.method.createInvitation, { onSettled: onMade });
  if (invite.data) {
    // Stays until the person confirms that the link is saved.
    return (
      <Dialog title="The invitation is ready" isUnsaved>
        <p>
          Copy the link now and pass it on: it is not shown again, and nothing is sent. Whoever opens it first can join
          as {invite.data.role}, within 7 days.
        </p>
        <CopyField label="Link" text={invite.data.url ?? ''} />
        <DialogActions>
          <Button look="primary" onClick={onClose}>
            I have copied it
          </Button>
        </DialogActions>
      </Dialog>
    );
  }
  return (
    <FormDialog
      title="Invite somebody"
      submit="Create the invitation"
      isBusy={invite.isPending}
      error={invite.error}
      onSubmit={(text) => invite.mutate({ name: text('name'), role: text('role') })}
      onClose={onClose}
    >
      {(faults) => (
        <>
          <TextField
            label="For"
            name="name"
            optional
            maxLength={128}
            autoComplete="off"
            hint="Whom you invite, so that you recognise the invitation in the list."
            error={faults.name}
          />
          <RoleField defaultValue="member" error={faults.role} />
        </>
      )}
    </FormDialog>
  );
}
