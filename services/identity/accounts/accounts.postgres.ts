import { createHash } from 'node:crypto';
import type { QueryResultRow } from 'pg';
import { classify } from '#runtime/postgres/pool.ts';
import { inBatches } from '../in-batches.ts';
import { type AccountRow, accountColumns, accountFrom, type Database, only, selectAccount } from '../rows.postgres.ts';
import { endOthers } from '../sessions/sessions.postgres.ts';
import type { AccountStore, OwnPassword, UserChange } from '../store.ts';

interface OwnPasswordRow extends QueryResultRow {
  email: string;
  email_key: string;
  password_hash: string;
  password_version: number;
  password_changed_by: string | null;
  failures: number;
}
interface AttemptRow extends QueryResultRow {
  failures_before: number;
  window_started_at: Date;
}
type LoginRow = AccountRow & { password_hash: string | null; failures: number };

const insertAccount = `
  with u as (
    insert into identity.users (email, email_key, name, password_hash) values ($1, $2, $3, $4) returning *
  ), w as (
    insert into identity.workspaces (name) values ($5) returning *
  ), m as (
    insert into identity.memberships (user_id, workspace_id, role) select u.id, w.id, 'owner' from u, w returning *
  )
  select ${accountColumns} from u, w, m`;

// Everything is joined to the given key, so that a key without an account takes the same path and also returns a row.
const selectLogin = `
  select coalesce(f.failures, 0) as failures, u.password_hash, ${accountColumns}
  from (values ($1::text, $2::bytea)) as asked (email_key, account)
  left join identity.login_failures f on f.account = asked.account and f.window_started_at > $3
  left join identity.users u on u.email_key = asked.email_key
  left join lateral (
    select * from identity.memberships where user_id = u.id
    order by chosen_at desc nulls last, created_at, workspace_id limit 1
  ) m on true
  left join identity.workspaces w on w.id = m.workspace_id`;

// The row's lock makes concurrent attempts see each other, in whichever process they are.
const countAttempt = `
  insert into identity.login_failures as f (account, failures, window_started_at) values ($1, 1, $2)
  on conflict (account) do update set
    failures = case when f.window_started_at > $3 then f.failures + 1 else 1 end,
    window_started_at = case when f.window_started_at > $3 then f.window_started_at else excluded.window_started_at end
  returning failures - 1 as failures_before, window_started_at`;

// If another window has begun since, it counts other attempts.
const uncountAttempt = `
  update identity.login_failures set failures = failures - 1
  where account = $1 and window_started_at = $2 and failures > 0`;

const selectPassword = `
  select coalesce(f.failures, 0) as failures, u.email, u.email_key, u.password_hash, u.password_version, u.password_changed_by
  from identity.users u
  left join identity.login_failures f on f.account = sha256(convert_to(u.email_key, 'UTF8')) and f.window_started_at > $2
  where u.id = $1`;

const updatePassword = `
  update identity.users set password_hash = $3, password_version = password_version + 1, password_changed_by = $4
  where id = $1 and password_version = $2 returning 1`;

const updateUser = `
  with u as (
    update identity.users
    set name = coalesce($3, name), email = coalesce($4, email), email_key = coalesce($5, email_key)
    where id = $1 and ($6::integer is null or password_version = $6)
      and exists (select from identity.memberships where user_id = $1 and workspace_id = $2)
    returning *
  )
  select ${accountColumns}
  from u join identity.memberships m on m.user_id = u.id and m.workspace_id = $2
  join identity.workspaces w on w.id = m.workspace_id`;

export function accountStore({ rows, transaction }: Database): AccountStore {
  const changeUser = async ({ userId, workspaceId, name, email }: UserChange) => {
    const values = [userId, workspaceId, name ?? null, email?.given ?? null, email?.key ?? null];
    const [row] = await rows<AccountRow>(updateUser, [...values, email?.passwordVersion ?? null]);
    if (row) return accountFrom(row);
    return email ? 'password_changed' : undefined;
  };
  return {
    async isEmailTaken(emailKey) {
      return (await rows('select from identity.users where email_key = $1', [emailKey])).length > 0;
    },
    createAccount({ email, emailKey, name, passwordHash, workspaceName }) {
      const values = [email, emailKey, name, passwordHash, workspaceName];
      return unlessTaken(async () => accountFrom(only(await rows<AccountRow>(insertAccount, values))));
    },
    async findLogin(emailKey, failuresSince) {
      const row = only(await rows<LoginRow>(selectLogin, [emailKey, failureKey(emailKey), failuresSince]));
      // A person without any membership cannot sign in, and has no workspace columns.
      const isKnown = row.password_hash !== null && row.workspace_id !== null;
      return {
        failures: row.failures,
        account: isKnown ? accountFrom(row) : undefined,
        passwordHash: isKnown ? (row.password_hash ?? undefined) : undefined,
      };
    },
    async countLoginAttempt(emailKey, at, failuresSince) {
      const row = only(await rows<AttemptRow>(countAttempt, [failureKey(emailKey), at, failuresSince]));
      return { failuresBefore: row.failures_before, windowStartedAt: row.window_started_at };
    },
    async uncountLoginAttempt(emailKey, { windowStartedAt }) {
      await rows(uncountAttempt, [failureKey(emailKey), windowStartedAt]);
    },
    async clearLoginFailures(emailKey) {
      await rows('delete from identity.login_failures where account = $1', [failureKey(emailKey)]);
    },
    async replacePasswordHash(userId, old, replacement) {
      const values = [userId, old, replacement];
      await rows('update identity.users set password_hash = $3 where id = $1 and password_hash = $2', values);
    },
    async findAccount(userId, workspaceId) {
      const [row] = await rows<AccountRow>(selectAccount, [userId, workspaceId]);
      return row && accountFrom(row);
    },
    async findPassword(userId, failuresSince) {
      const [row] = await rows<OwnPasswordRow>(selectPassword, [userId, failuresSince]);
      return row && ownPasswordFrom(row);
    },
    changePassword({ userId, version, passwordHash, keptSessionId, at }) {
      return transaction(async (locked) => {
        if ((await locked(updatePassword, [userId, version, passwordHash, keptSessionId])).length === 0)
          return undefined;
        return inBatches((limit) => endOthers(locked, { keptId: keptSessionId, userId, at, limit }));
      });
    },
    updateUser: (change) => unlessTaken(() => changeUser(change)),
  };
}

async function unlessTaken<Value>(write: () => Promise<Value>): Promise<Value | 'email_taken'> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof Error && classify(error.cause).constraint === 'users_email_taken') return 'email_taken';
    throw error;
  }
}

function ownPasswordFrom(row: OwnPasswordRow): OwnPassword {
  return {
    failures: row.failures,
    email: row.email,
    emailKey: row.email_key,
    passwordHash: row.password_hash,
    passwordVersion: row.password_version,
    changedBy: row.password_changed_by ?? undefined,
  };
}

/** The email field may contain anything, even a password: only its hash is stored. */
function failureKey(emailKey: string): Buffer {
  return createHash('sha256').update(emailKey).digest();
}
