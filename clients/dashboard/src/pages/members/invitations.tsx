import { useMutation, useQuery } from '@connectrpc/connect-query';
import { useMemo } from 'react';
import type { Invitation } from '#gen/identity/v1/invitation_pb.ts';
import { WorkspaceService } from '#gen/identity/v1/workspace_service_pb.ts';
import { Button } from '../../components/controls/button.tsx';
import { ConfirmDialog } from '../../components/dialogs/confirm-dialog.tsx';
import { useOpen } from '../../components/dialogs/dialog.tsx';
import { Answer } from '../../components/feedback/answer.tsx';
import { useToast } from '../../components/feedback/toasts.tsx';
import { Moment } from '../../components/moment.tsx';
import { type Column, Table } from '../../components/table.tsx';
import style from './members.module.css';

/** The invitations that nobody has accepted yet; nothing where there are none. */
export function Invitations({ reload }: { readonly reload: () => void }) {
  const invitations = useQuery(WorkspaceService.method.listInvitations, {});
  const { open: leaving, setOpen: setLeaving, close } = useOpen<Invitation>();
  const columns = useMemo(() => columnsOf(setLeaving), [setLeaving]);
  if (invitations.data?.invitations.length === 0 && !invitations.error) return null;
  return (
    <section className={style.below}>
      <h2>Open invitations</h2>
      <Answer query={invitations}>
        {(answer) => (
          <Table
            caption="Open invitations, the newest first"
            rows={answer.invitations}
            keyOf={({ id }) => id}
            columns={columns}
          />
        )}
      </Answer>
      {leaving && <TakeBackDialog key={leaving.id} invitation={leaving} onDone={reload} onClose={close} />}
    </section>
  );
}

const nameOf = ({ name }: Invitation): string => name || 'somebody';

const columnsOf = (takeBack: (invitation: Invitation) => void): Column<Invitation>[] => [
  { header: 'For', isPlain: true, cell: (invitation) => <strong dir="auto">{nameOf(invitation)}</strong> },
  { header: 'Role', cell: ({ role }) => role },
  { header: 'Invited by', cell: ({ invitedBy }) => <span dir="auto">{invitedBy}</span> },
  { header: 'Created', cell: ({ createdAt }) => <Moment at={createdAt} absent="–" /> },
  { header: 'Expires', cell: ({ expiresAt }) => <Moment at={expiresAt} absent="–" /> },
  {
    header: 'Take back',
    isAction: true,
    cell: (invitation) => (
      <Button
        look="danger"
        small
        icon="trash"
        aria-label={`Take back the invitation for ${nameOf(invitation)}`}
        onClick={() => takeBack(invitation)}
      >
        Take back
      </Button>
    ),
  },
];

interface TakeBackProps {
  readonly invitation: Invitation;
  readonly onDone: () => void;
  readonly onClose: () => void;
}

function TakeBackDialog({ invitation, onDone, onClose }: TakeBackProps) {
  const tell = useToast();
  const remove = useMutation(WorkspaceService.method.deleteInvitation, {
    onSuccess: () => {
      tell({ text: 'The invitation is taken back.' });
      onClose();
    },
    // Where it failed the list may be old: somebody may have accepted it.
    onSettled: onDone,
  });
  return (
    <ConfirmDialog
      title={`Take back the invitation for ${nameOf(invitation)}?`}
      confirm="Take it back"
      isBusy={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate({ id: invitation.id })}
      onClose={onClose}
    >
      Its link stops working at once.
    </ConfirmDialog>
  );
}
