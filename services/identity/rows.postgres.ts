import type { Pool, PoolClient, QueryResultRow } from 'pg';
import { inTransaction, storeError } from '#runtime/postgres/pool.ts';
import type { Role } from './roles.ts';
import type { Account } from './store.ts';

export type ReadRows = <Row extends QueryResultRow>(text: string, values: readonly unknown[]) => Promise<Row[]>;

/** Queries whose errors may be shown to a caller. */
export interface Database {
  readonly rows: ReadRows;
  transaction<Value>(work: (rows: ReadRows) => Promise<Value>): Promise<Value>;
}

export function createDatabase(pool: Pool): Database {
  return {
    rows: (text, values) => guarded(() => readRows(pool)(text, values)),
    transaction: (work) => guarded(() => inTransaction(pool, (client) => work(readRows(client)))),
  };
}

function readRows(queryable: Pick<Pool | PoolClient, 'query'>): ReadRows {
  return async <Row extends QueryResultRow>(text: string, values: readonly unknown[]) => {
    const { rows } = await queryable.query<Row>(text, [...values]);
    return rows;
  };
}

async function guarded<Value>(work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    throw storeError(error);
  }
}

/** The row of a query that always returns one. */
export function only<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new Error('The query answered no row.');
  return row;
}

export interface AccountRow extends QueryResultRow {
  user_id: string;
  email: string;
  user_name: string;
  created_at: Date;
  password_version: number;
  workspace_id: string;
  workspace_name: string;
  role: Role;
}

/** The columns of an AccountRow, from users u, memberships m and workspaces w. */
export const accountColumns =
  'u.id as user_id, u.email, u.name as user_name, u.created_at, u.password_version, w.id as workspace_id, w.name as workspace_name, m.role';

/** An AccountRow, by the ids of the person and of the workspace. */
export const selectAccount = `
  select ${accountColumns}
  from identity.memberships m join identity.users u on u.id = m.user_id join identity.workspaces w on w.id = m.workspace_id
  where m.user_id = $1 and m.workspace_id = $2`;

/** The id of a session s that its access tokens name, and by which people list and end it. */
export const credentialOf = 'coalesce(s.credential_id, s.id)';

export function accountFrom(row: AccountRow): Account {
  return {
    userId: row.user_id,
    email: row.email,
    name: row.user_name,
    createdAt: row.created_at,
    passwordVersion: row.password_version,
    workspaceId: row.workspace_id,
    workspaceName: row.workspace_name,
    role: row.role,
  };
}
