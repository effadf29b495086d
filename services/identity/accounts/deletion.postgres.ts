import type { Database, ReadRows } from '../rows.postgres.ts';
import { inSteps } from '../sessions/in-steps.ts';
import type { DeletionStore } from '../store.ts';

// Whoever opens a session waits for this lock, or is waited for; who makes an API key, for that of the membership.
const lockUser = 'select email_key from identity.users where id = $1 and password_version = $2 for update';
const lockMemberships = `
  select workspace_id as id from identity.memberships where user_id = $1 order by workspace_id for update`;

const deleteSessions = `
  with gone as (
    delete from identity.sessions where id in (
      select id from identity.sessions where user_id = $1 order by id limit $2
    ) returning id
  )
  insert into identity.revocations (credential_id) select id from gone returning 1`;

const deleteApiKeys = `
  with gone as (delete from identity.api_keys where user_id = $1 returning id)
  insert into identity.revocations (credential_id) select id from gone`;

const deleteUser = 'delete from identity.users where id = $1';

const closeWorkspaces = `
  with left_empty as (
    delete from identity.workspaces w where w.id = any($1::uuid[])
      and not exists (select from identity.memberships where workspace_id = w.id) returning id
  )
  insert into identity.closed_workspaces (workspace_id) select id from left_empty`;

const deleteFailures = "delete from identity.login_failures where account = sha256(convert_to($1, 'UTF8'))";

export function deletionStore({ rows, transaction }: Database): DeletionStore {
  return {
    deleteAccount: (userId, passwordVersion) =>
      transaction((locked) => deleteEverything(locked, userId, passwordVersion)),
    async findClosedWorkspaces(limit) {
      const text = 'select workspace_id as id from identity.closed_workspaces order by closed_at limit $1';
      return (await rows<{ id: string }>(text, [limit])).map(({ id }) => id);
    },
    async forgetClosedWorkspace(id) {
      await rows('delete from identity.closed_workspaces where workspace_id = $1', [id]);
    },
  };
}

async function deleteEverything(rows: ReadRows, userId: string, passwordVersion: number): Promise<boolean> {
  const [user] = await rows<{ email_key: string }>(lockUser, [userId, passwordVersion]);
  if (!user) return false;
  const workspaces = await rows<{ id: string }>(lockMemberships, [userId]);
  await inSteps(async (limit) => (await rows(deleteSessions, [userId, limit])).length);
  await rows(deleteApiKeys, [userId]);
  await rows(deleteUser, [userId]);
  await rows(closeWorkspaces, [workspaces.map(({ id }) => id)]);
  await rows(deleteFailures, [user.email_key]);
  return true;
}
