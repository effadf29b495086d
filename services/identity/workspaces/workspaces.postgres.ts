import type { QueryResultRow } from 'pg';
import { isUuid } from '#runtime/shortlink/link-key.ts';
import { closeWorkspaces } from '../accounts/deletion.postgres.ts';
import { inBatches } from '../in-batches.ts';
import { lockUser, lockWorkspace } from '../locks.postgres.ts';
import type { Role } from '../roles.ts';
import { credentialOf, type Database, only, type ReadRows } from '../rows.postgres.ts';
import type { JudgeMember, MemberRecord, NamedMember, WorkspaceRecord, WorkspaceStore } from '../store.ts';
import { deleteWorkspace } from './deletion.postgres.ts';

interface WorkspaceRow extends QueryResultRow {
  id: string;
  name: string;
  role: Role;
}
interface MemberRow extends QueryResultRow {
  user_id: string;
  email: string;
  name: string;
  role: Role;
  created_at: Date;
}

const selectWorkspaces = `
  select w.id, w.name, m.role from identity.memberships m join identity.workspaces w on w.id = m.workspace_id
  where m.user_id = $1 order by m.created_at, w.id`;

const countWorkspaces = 'select count(*)::int as workspaces from identity.memberships where user_id = $1';

const insertWorkspace = `
  with w as (insert into identity.workspaces (name) values ($2) returning id, name),
    m as (insert into identity.memberships (user_id, workspace_id, role) select $1, id, 'owner' from w returning role)
  select w.id, w.name, m.role from w, m`;

const updateName = `
  update identity.workspaces w set name = $3 from identity.memberships m
  where w.id = $2 and m.workspace_id = w.id and m.user_id = $1
  returning w.id, w.name, m.role`;

const memberColumns = 'm.user_id, u.email, u.name, m.role, m.created_at';

const selectMembers = `
  select ${memberColumns} from identity.memberships m join identity.users u on u.id = m.user_id
  where m.workspace_id = $1 order by m.created_at, m.user_id`;

const selectMember = `
  select ${memberColumns} from identity.memberships m join identity.users u on u.id = m.user_id
  where m.workspace_id = $1 and m.user_id = $2`;

// A session that is being opened, or an API key that is being created, is finished before, or finds no member.
const lockMembers = `
  select user_id, role from identity.memberships where workspace_id = $1 and user_id = any($2::uuid[]) order by user_id for update`;

const countOwners =
  "select count(*)::int as owners from identity.memberships where workspace_id = $1 and role = 'owner'";

const updateRole = 'update identity.memberships set role = $3 where workspace_id = $1 and user_id = $2';

const voidInvitations = `
  delete from identity.invitations where workspace_id = $1 and invited_by = $2 and accepted_by is null`;

const endSessions = `
  with ended as (
    update identity.sessions s set revoked_at = now() where id in (
      select id from identity.sessions where workspace_id = $1 and user_id = $2 and revoked_at is null order by id limit $3 for update
    ) returning ${credentialOf} as id
  )
  insert into identity.revocations (credential_id) select id from ended returning 1`;

// Before the sessions, since a refresh locks a token first and then its session.
const deleteTokens = `
  delete from identity.refresh_tokens where token_hash in (
    select t.token_hash from identity.refresh_tokens t join identity.sessions s on s.id = t.session_id
    where s.workspace_id = $1 and s.user_id = $2 order by t.token_hash limit $3 for update of t
  ) returning 1`;

const endApiKeys = `
  insert into identity.revocations (credential_id)
  select id from identity.api_keys where workspace_id = $1 and user_id = $2 and revoked_at is null`;

// With it go the sessions, the API keys, and the invitations that the member made or accepted.
const deleteMember = 'delete from identity.memberships where workspace_id = $1 and user_id = $2';

const insertPersonalWorkspace = `
  with w as (
    insert into identity.workspaces (name)
    select $2 where not exists (select from identity.memberships where user_id = $1) returning id
  )
  insert into identity.memberships (user_id, workspace_id, role) select $1, id, 'owner' from w`;

export function workspaceStore({ rows, transaction }: Database): WorkspaceStore {
  return {
    listWorkspaces: (userId) => rows<WorkspaceRow>(selectWorkspaces, [userId]),
    createWorkspace(userId, name, mostOfPerson) {
      return transaction(async (locked) => {
        if ((await locked(lockUser, [userId])).length === 0) return 'no_person';
        const { workspaces } = only(await locked<{ workspaces: number }>(countWorkspaces, [userId]));
        if (workspaces >= mostOfPerson) return 'limit_reached';
        return only(await locked<WorkspaceRow>(insertWorkspace, [userId, name]));
      });
    },
    deleteWorkspace: (workspace, nameOfNext, judge) =>
      transaction((locked) => deleteWorkspace(locked, workspace, nameOfNext, judge)),
    async renameWorkspace(userId, workspaceId, name): Promise<WorkspaceRecord | undefined> {
      return (await rows<WorkspaceRow>(updateName, [userId, workspaceId, name]))[0];
    },
    async listMembers(workspaceId) {
      return (await rows<MemberRow>(selectMembers, [workspaceId])).map(memberFrom);
    },
    changeRole(named, role, judge) {
      return transaction(async (locked) => {
        const { workspaceId, userId } = named;
        const before = await judged(locked, named, judge);
        if (before !== role) {
          await locked(updateRole, [workspaceId, userId, role]);
          await locked(voidInvitations, [workspaceId, userId]);
          await inBatches(async (limit) => (await locked(endSessions, [workspaceId, userId, limit])).length);
        }
        return memberFrom(only(await locked<MemberRow>(selectMember, [workspaceId, userId])));
      });
    },
    removeMember(named, nameOfNext, judge) {
      return transaction(async (locked) => {
        const member = [named.workspaceId, named.userId];
        if (isUuid(named.userId)) await locked(lockUser, [named.userId]);
        await judged(locked, named, judge);
        await inBatches(async (limit) => (await locked(deleteTokens, [...member, limit])).length);
        await inBatches(async (limit) => (await locked(endSessions, [...member, limit])).length);
        await locked(endApiKeys, member);
        await locked(deleteMember, member);
        await locked(closeWorkspaces, [[named.workspaceId]]);
        await locked(insertPersonalWorkspace, [named.userId, nameOfNext]);
      });
    },
  };
}

/** Locks the workspace and lets the caller refuse; returns the member's role. */
async function judged(
  rows: ReadRows,
  { workspaceId, actorId, userId }: NamedMember,
  judge: JudgeMember,
): Promise<Role | undefined> {
  await rows(lockWorkspace, [workspaceId]);
  const ids = [actorId, userId].filter(isUuid);
  const found = await rows<{ user_id: string; role: Role }>(lockMembers, [workspaceId, ids]);
  const { owners } = only(await rows<{ owners: number }>(countOwners, [workspaceId]));
  const roleOf = (id: string) => found.find(({ user_id }) => user_id === id)?.role;
  const memberRole = roleOf(userId);
  judge({ actorRole: roleOf(actorId), memberRole, owners });
  return memberRole;
}

function memberFrom(row: MemberRow): MemberRecord {
  return { userId: row.user_id, email: row.email, name: row.name, role: row.role, joinedAt: row.created_at };
}
