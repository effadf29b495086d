import type { QueryResultRow } from 'pg';
import { isUuid } from '#runtime/shortlink/link-key.ts';
import { lockUser, lockWorkspace } from '../locks.postgres.ts';
import type { Role } from '../roles.ts';
import { type Database, only, type ReadRows } from '../rows.postgres.ts';
import type {
  FoundInvitation,
  InvitationLimits,
  InvitationRecord,
  InvitationStore,
  Refusal,
  WorkspaceRecord,
} from '../store.ts';

interface InvitationRow extends QueryResultRow {
  id: string;
  role: Role;
  name: string;
  invited_by: string;
  created_at: Date;
  expires_at: Date;
}
interface HeldRow extends QueryResultRow {
  id: string;
  workspace_id: string;
  workspace_name: string;
  invited_role: Role;
  held_role: Role | null;
  invited_by: string;
  expires_at: Date;
  accepted_by: string | null;
}

const inviter = "coalesce(nullif(u.name, ''), u.email) as invited_by";

const selectRole = 'select role from identity.memberships where workspace_id = $1 and user_id = $2';

const countOpen = `
  select count(*)::int as open from identity.invitations
  where workspace_id = $1 and accepted_by is null and expires_at > $2`;

const insertInvitation = `
  with i as (
    insert into identity.invitations (workspace_id, invited_by, role, name, secret_hash, created_at, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7) returning *
  )
  select i.id, i.role, i.name, i.created_at, i.expires_at, ${inviter} from i join identity.users u on u.id = i.invited_by`;

const selectOpen = `
  select i.id, i.role, i.name, i.created_at, i.expires_at, ${inviter}
  from identity.invitations i join identity.users u on u.id = i.invited_by
  where i.workspace_id = $1 and i.accepted_by is null and i.expires_at > $2
  order by i.created_at desc, i.id desc`;

const deleteOpen = `
  delete from identity.invitations where id = $1 and workspace_id = $2 and accepted_by is null and expires_at > $3 returning 1`;

// Whoever accepted it may look again, while they are a member; for everybody else it is gone.
const selectHeld = `
  select i.id, i.workspace_id, w.name as workspace_name, i.role as invited_role, m.role as held_role, i.expires_at, i.accepted_by, ${inviter}
  from identity.invitations i
  join identity.workspaces w on w.id = i.workspace_id
  join identity.users u on u.id = i.invited_by
  left join identity.memberships m on m.workspace_id = i.workspace_id and m.user_id = $2
  where i.secret_hash = $1 and i.expires_at > $3
    and (i.accepted_by is null or i.accepted_by = $2)`;
const lockHeld = `${selectHeld} for update of i`;

const countMembers = 'select count(*)::int as members from identity.memberships where workspace_id = $1';
const countWorkspaces = 'select count(*)::int as workspaces from identity.memberships where user_id = $1';
const insertMember = 'insert into identity.memberships (user_id, workspace_id, role) values ($1, $2, $3)';
const noteAcceptance = 'update identity.invitations set accepted_by = $2 where id = $1';

export function invitationStore({ rows, transaction }: Database): InvitationStore {
  return {
    createInvitation({ workspaceId, invitedBy, role, name, secretHash, at, expiresAt }, limit, judge) {
      return transaction(async (locked) => {
        await locked(lockWorkspace, [workspaceId]);
        const [actor] = await locked<{ role: Role }>(selectRole, [workspaceId, invitedBy]);
        judge(actor?.role);
        const { open } = only(await locked<{ open: number }>(countOpen, [workspaceId, at]));
        if (open >= limit) return 'limit_reached';
        const values = [workspaceId, invitedBy, role, name, secretHash, at, expiresAt];
        return invitationFrom(only(await locked<InvitationRow>(insertInvitation, values)));
      });
    },
    async listInvitations(workspaceId, at) {
      return (await rows<InvitationRow>(selectOpen, [workspaceId, at])).map(invitationFrom);
    },
    async deleteInvitation(id, workspaceId, at) {
      return isUuid(id) && (await rows(deleteOpen, [id, workspaceId, at])).length > 0;
    },
    async findInvitation(secretHash, userId, at) {
      const [row] = await rows<HeldRow>(selectHeld, [secretHash, userId, at]);
      return row && foundFrom(row);
    },
    acceptInvitation(secretHash, userId, at, limits) {
      return transaction(async (locked) => {
        const values = [secretHash, userId, at];
        const [found] = await locked<HeldRow>(selectHeld, values);
        if (!found || (await locked(lockUser, [userId])).length === 0) return 'not_found';
        await locked(lockWorkspace, [found.workspace_id]);
        // Read again, because only now can nobody else change it.
        const [held] = await locked<HeldRow>(lockHeld, values);
        if (!held) return 'not_found';
        return (await refusalOf(locked, held, userId, limits)) ?? join(locked, held, userId);
      });
    },
  };
}

async function refusalOf(
  rows: ReadRows,
  { workspace_id, held_role, accepted_by }: HeldRow,
  userId: string,
  limits: InvitationLimits,
): Promise<Refusal | undefined> {
  if (held_role !== null) return accepted_by === null ? 'already_member' : undefined;
  const { members } = only(await rows<{ members: number }>(countMembers, [workspace_id]));
  if (members >= limits.members) return 'too_many_members';
  const { workspaces } = only(await rows<{ workspaces: number }>(countWorkspaces, [userId]));
  return workspaces >= limits.workspaces ? 'too_many_workspaces' : undefined;
}

async function join(rows: ReadRows, held: HeldRow, userId: string): Promise<WorkspaceRecord> {
  const { id, workspace_id, workspace_name, invited_role, held_role } = held;
  if (held_role === null) {
    await rows(insertMember, [userId, workspace_id, invited_role]);
    await rows(noteAcceptance, [id, userId]);
  }
  return { id: workspace_id, name: workspace_name, role: held_role ?? invited_role };
}

function invitationFrom(row: InvitationRow): InvitationRecord {
  return {
    id: row.id,
    role: row.role,
    name: row.name,
    invitedBy: row.invited_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  };
}

function foundFrom(row: HeldRow): FoundInvitation {
  return {
    workspace: { id: row.workspace_id, name: row.workspace_name, role: row.held_role ?? row.invited_role },
    invitedBy: row.invited_by,
    expiresAt: row.expires_at,
    isMember: row.held_role !== null,
  };
}
