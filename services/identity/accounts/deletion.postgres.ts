import { inBatches } from '../in-batches.ts';
import { credentialOf, type Database, type ReadRows } from '../rows.postgres.ts';
import type { DeletionStore } from '../store.ts';

// Opening a session takes the same lock; creating an API key takes that of the membership.
const lockUser = 'select email_key from identity.users where id = $1 and password_version = $2 for update';
// The workspaces too: if the last two members leave at once, the second one sees that the first is gone.
const lockWorkspaces = `
  select w.id from identity.memberships m join identity.workspaces w on w.id = m.workspace_id
  where m.user_id = $1 order by w.id for update of w`;
// After the workspaces and before the sessions, as everywhere.
const lockMemberships = 'select from identity.memberships where user_id = $1 order by workspace_id for update';

// Those that have an owner and members now. One without an owner holds nobody back.
const ownerlessWorkspaces = `
  select 1 from identity.memberships m where m.workspace_id = any($2::uuid[])
  group by m.workspace_id
  having bool_or(m.user_id = $1 and m.role = 'owner') and bool_or(m.user_id <> $1)
    and not bool_or(m.user_id <> $1 and m.role = 'owner')`;

// Before the sessions, since a refresh locks a token first and then its session.
const deleteTokens = `
  delete from identity.refresh_tokens where token_hash in (
    select t.token_hash from identity.refresh_tokens t join identity.sessions s on s.id = t.session_id
    where s.user_id = $1 order by t.token_hash limit $2 for update of t
  ) returning 1`;

const deleteSessions = `
  with gone as (
    delete from identity.sessions s where id in (
      select id from identity.sessions where user_id = $1 order by id limit $2 for update
    ) returning ${credentialOf} as id
  )
  insert into identity.revocations (credential_id) select id from gone returning 1`;

const deleteApiKeys = `
  with gone as (delete from identity.api_keys where user_id = $1 returning id)
  insert into identity.revocations (credential_id) select id from gone`;

const deleteUser = 'delete from identity.users where id = $1';

/** Closes those of the workspaces that nobody belongs to any more. */
export const closeWorkspaces = `
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

async function deleteEverything(
  rows: ReadRows,
  userId: string,
  passwordVersion: number,
): ReturnType<DeletionStore['deleteAccount']> {
  const [user] = await rows<{ email_key: string }>(lockUser, [userId, passwordVersion]);
  if (!user) return 'password_changed';
  const workspaces = (await rows<{ id: string }>(lockWorkspaces, [userId])).map(({ id }) => id);
  await rows(lockMemberships, [userId]);
  if ((await rows(ownerlessWorkspaces, [userId, workspaces])).length > 0) return 'last_owner';
  await inBatches(async (limit) => (await rows(deleteTokens, [userId, limit])).length);
  await inBatches(async (limit) => (await rows(deleteSessions, [userId, limit])).length);
  await rows(deleteApiKeys, [userId]);
  await rows(deleteUser, [userId]);
  await rows(closeWorkspaces, [workspaces]);
  await rows(deleteFailures, [user.email_key]);
  return 'deleted';
}
