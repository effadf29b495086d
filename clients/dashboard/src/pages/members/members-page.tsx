import { createConnectQueryKey, useQuery } from '@connectrpc/connect-query';
import { useQueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { Member } from '#gen/identity/v1/member_pb.ts';
import { WorkspaceService } from '#gen/identity/v1/workspace_service_pb.ts';
import { Button } from '../../components/controls/button.tsx';
import { useOpen } from '../../components/dialogs/dialog.tsx';
import { Answer } from '../../components/feedback/answer.tsx';
import { EmptyState } from '../../components/feedback/states.tsx';
import { Moment } from '../../components/moment.tsx';
import { Page } from '../../components/page.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { useCommands } from '../../keyboard/commands.tsx';
import { useIsAdmin, usePerson } from '../../session/session-context.ts';
import { Invitations } from './invitations.tsx';
import { InviteDialog } from './invite-dialog.tsx';
import { LeaveDialog, nameOf, RemoveDialog, RenameDialog, RoleDialog } from './member-dialogs.tsx';
import style from './members.module.css';
import { whatCan } from './roles.ts';
import { CreateDialog, DeleteDialog } from './workspace-dialogs.tsx';

const { listMembers, listInvitations } = WorkspaceService.method;
const memberKey = createConnectQueryKey({ schema: listMembers, cardinality: 'finite' });
const invitationKey = createConnectQueryKey({ schema: listInvitations, cardinality: 'finite' });

type Open =
  | { readonly what: 'invite' | 'rename' | 'leave' | 'creation' | 'deletion' }
  | { readonly what: 'role' | 'removal'; readonly member: Member };

/** Who belongs to the workspace; owners and admins change that here, and everybody can leave. */
export default function MembersPage() {
  const { workspace } = usePerson();
  const isAdmin = useIsAdmin();
  const { open, setOpen, close } = useOpen<Open>();
  return (
    <Page
      title="Members"
      lead={
        <>
          {isAdmin ? 'Who belongs to' : 'You belong to'} <strong dir="auto">{workspace.name}</strong>. As{' '}
          {workspace.role} you can {whatCan(workspace.role)}.
        </>
      }
      actions={
        <>
          {isAdmin && <Button onClick={() => setOpen({ what: 'rename' })}>Rename</Button>}
          <Button icon="leave" onClick={() => setOpen({ what: 'leave' })}>
            Leave
          </Button>
          {isAdmin && (
            <Button look="primary" icon="plus" onClick={() => setOpen({ what: 'invite' })}>
              Invite
            </Button>
          )}
        </>
      }
    >
      {isAdmin ? (
        <Administration open={open} setOpen={setOpen} close={close} />
      ) : (
        <EmptyState
          title="For owners and admins"
          advice="They see who belongs to the workspace, invite people and change their roles."
        />
      )}
      <Workspaces setOpen={setOpen} />
      {open?.what === 'creation' && <CreateDialog onClose={close} />}
      {open?.what === 'deletion' && <DeleteDialog onClose={close} />}
      {open?.what === 'rename' && <RenameDialog onClose={close} />}
      {open?.what === 'leave' && <LeaveDialog onClose={close} />}
    </Page>
  );
}

interface AdministrationProps {
  readonly open: Open | undefined;
  readonly setOpen: (open: Open) => void;
  readonly close: () => void;
}

function Administration({ open, setOpen, close }: AdministrationProps) {
  const { workspace } = usePerson();
  const members = useQuery(listMembers, {});
  const queries = useQueryClient();
  const reload = (): void => {
    for (const queryKey of [memberKey, invitationKey]) void queries.invalidateQueries({ queryKey });
  };
  const columns = useMemo(() => columnsOf(workspace.role, setOpen), [workspace.role, setOpen]);
  useCommands(
    useMemo(
      () => [
        { label: 'Invite somebody', run: () => setOpen({ what: 'invite' }), keys: 'c', icon: 'plus', group: 'Members' },
        { label: 'Rename the workspace', run: () => setOpen({ what: 'rename' }), icon: 'edit', group: 'Members' },
      ],
      [setOpen],
    ),
  );
  return (
    <>
      <Answer query={members}>
        {(answer) => (
          <>
            <Table
              caption="The members, who joined first before the others"
              rows={answer.members}
              keyOf={({ userId }) => userId}
              columns={columns}
            />
            <Invitations reload={reload} />
          </>
        )}
      </Answer>
      {open?.what === 'invite' && <InviteDialog onMade={reload} onClose={close} />}
      {open?.what === 'role' && (
        <RoleDialog key={open.member.userId} member={open.member} onDone={reload} onClose={close} />
      )}
      {open?.what === 'removal' && (
        <RemoveDialog key={open.member.userId} member={open.member} onDone={reload} onClose={close} />
      )}
    </>
  );
}

/** One more workspace, or the end of this one. */
function Workspaces({ setOpen }: Pick<AdministrationProps, 'setOpen'>) {
  const { workspace } = usePerson();
  const isOwner = workspace.role === 'owner';
  useCommands(
    useMemo(
      () => [{ label: 'New workspace', run: () => setOpen({ what: 'creation' }), icon: 'plus', group: 'Workspaces' }],
      [setOpen],
    ),
  );
  return (
    <section className={style.below}>
      <h2>Workspaces</h2>
      <p className={style.what}>
        {isOwner
          ? 'You can have several, each with its own links and members. Deleting this one ends it for everybody in it.'
          : 'You can have several, each with its own links and members. Only an owner can delete this one.'}
      </p>
      <div className={style.choiceRow}>
        <Button icon="plus" onClick={() => setOpen({ what: 'creation' })}>
          New workspace
        </Button>
        {isOwner && (
          <Button look="danger" icon="trash" onClick={() => setOpen({ what: 'deletion' })}>
            Delete this workspace
          </Button>
        )}
      </div>
    </section>
  );
}

const columnsOf = (ownRole: string, open: (what: Open) => void): Column<Member>[] => [
  {
    header: 'Who',
    isPlain: true,
    cell: (member) => (
      <span className={style.who}>
        <span>
          <strong dir="auto">{nameOf(member)}</strong> {member.isCurrent && <span className={style.here}>you</span>}
        </span>
        {member.name !== '' && <span className={style.email}>{member.email}</span>}
      </span>
    ),
  },
  { header: 'Role', cell: ({ role }) => role },
  { header: 'Joined', cell: ({ joinedAt }) => <Moment at={joinedAt} absent="–" /> },
  {
    header: 'Change',
    isAction: true,
    // Admins do not change owners.
    cell: (member) =>
      (ownRole === 'owner' || member.role !== 'owner') && (
        <span className={style.actions}>
          <Button
            small
            icon="edit"
            aria-label={`Change the role of ${nameOf(member)}`}
            onClick={() => open({ what: 'role', member })}
          >
            Role
          </Button>
          {!member.isCurrent && (
            <Button
              look="danger"
              small
              icon="trash"
              aria-label={`Remove ${nameOf(member)}`}
              onClick={() => open({ what: 'removal', member })}
            >
              Remove
            </Button>
          )}
        </span>
      ),
  },
];
