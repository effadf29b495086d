import { inBatches } from '../in-batches.ts';
import { lockWorkspace } from '../locks.postgres.ts';
import type { Role } from '../roles.ts';
import { credentialOf, type ReadRows } from '../rows.postgres.ts';
import type { WorkspaceStore, WorkspaceToDelete } from '../store.ts';

// Each of them may get a personal workspace, which nobody else must give them at the same time.
const lockPeople = `
  select u.id, u.password_version from identity.users u
  where u.id in (select user_id from identity.memberships where workspace_id = $1) order by u.id for no key update`;

// A session that is being opened, or an API key that is being created, is finished before, or finds no member.
const lockMembers = `
  select user_id, role from identity.memberships where workspace_id = $1 order by user_id for update`;

// Before the sessions, since a refresh locks a token first and then its session.
const deleteTokens = `
  delete from identity.refresh_tokens where token_hash in (
    select t.token_hash from identity.refresh_tokens t join identity.sessions s on s.id = t.session_id
    where s.workspace_id = $1 order by t.token_hash limit $2 for update of t
  ) returning 1`;

const deleteSessions = `
  with gone as (
    delete from identity.sessions s where id in (
      select id from identity.sessions where workspace_id = $1 order by id limit $2 for update
    ) returning ${credentialOf} as id
  )
  insert into identity.revocations (credential_id) select id from gone returning 1`;

const deleteApiKeys = `
  with gone as (delete from identity.api_keys where workspace_id = $1 returning id)
  insert into identity.revocations (credential_id) select id from gone`;

// With it go the memberships and the invitations.
const closeWorkspace = `
  with gone as (delete from identity.workspaces where id = $1 returning id)
  insert into identity.closed_workspaces (workspace_id) select id from gone`;

const insertPersonalWorkspaces = `
  with without as (
    select p.id as user_id, uuidv7() as workspace_id from unnest($1::uuid[]) as p (id)
    where not exists (select from identity.memberships m where m.user_id = p.id)
  ), w as (
    insert into identity.workspaces (id, name) select workspace_id, $2 from without
  )
  insert into identity.memberships (user_id, workspace_id, role) select user_id, workspace_id, 'owner' from without`;

export async function deleteWorkspace(
  rows: ReadRows,
  { workspaceId, actorId, passwordVersion }: WorkspaceToDelete,
  nameOfNext: string,
  judge: (role: Role | undefined) => void,
): ReturnType<WorkspaceStore['deleteWorkspace']> {
  const people = await rows<{ id: string; password_version: number }>(lockPeople, [workspaceId]);
  await rows(lockWorkspace, [workspaceId]);
  const members = await rows<{ user_id: string; role: Role }>(lockMembers, [workspaceId]);
  judge(members.find(({ user_id }) => user_id === actorId)?.role);
  const locked = new Set(people.map(({ id }) => id));
  if (members.some(({ user_id }) => !locked.has(user_id))) return 'somebody_joined';
  if (people.find(({ id }) => id === actorId)?.password_version !== passwordVersion) return 'password_changed';
  await inBatches(async (limit) => (await rows(deleteTokens, [workspaceId, limit])).length);
  await inBatches(async (limit) => (await rows(deleteSessions, [workspaceId, limit])).length);
  await rows(deleteApiKeys, [workspaceId]);
  await rows(closeWorkspace, [workspaceId]);
  await rows(insertPersonalWorkspaces, [[...locked], nameOfNext]);
  return 'deleted';
}
