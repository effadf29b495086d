import type { QueryResultRow } from 'pg';
import type { Role, Scope } from './roles.ts';
import { type Database, only, type ReadRows } from './rows.postgres.ts';
import type { ApiKeyRecord, ApiKeyStore, NewApiKey } from './store.ts';

interface ApiKeyRow extends QueryResultRow {
  id: string;
  name: string;
  prefix: string;
  scopes: Scope[];
  created_at: Date;
  expires_at: Date | null;
  last_used_at: Date | null;
}
type HeldApiKeyRow = ApiKeyRow & { user_id: string; workspace_id: string; role: Role };

const columns = 'k.id, k.name, k.prefix, k.scopes, k.created_at, k.expires_at, k.last_used_at';

// Locked, so that two keys made at once cannot both be the last one allowed.
const lockMembership = 'select from identity.memberships where user_id = $1 and workspace_id = $2 for update';

const countKeys = `
  select count(*)::int as keys from identity.api_keys where user_id = $1 and workspace_id = $2 and revoked_at is null`;

const insertKey = `
  insert into identity.api_keys as k (user_id, workspace_id, name, prefix, secret_hash, scopes, expires_at)
  values ($1, $2, $3, $4, $5, $6, $7) returning ${columns}`;

const selectKeys = `
  select ${columns} from identity.api_keys k
  where k.user_id = $1 and k.workspace_id = $2 and k.revoked_at is null
  order by k.created_at desc, k.id desc`;

const endKey = `
  with ended as (
    update identity.api_keys set revoked_at = now()
    where id = $1 and user_id = $2 and workspace_id = $3 and revoked_at is null returning id
  )
  insert into identity.revocations (credential_id) select id from ended returning credential_id`;

const selectHeldKey = `
  select ${columns}, k.user_id, k.workspace_id, m.role
  from identity.api_keys k
  join identity.memberships m on m.user_id = k.user_id and m.workspace_id = k.workspace_id
  where k.secret_hash = $1 and k.revoked_at is null`;

const touchKey = `
  update identity.api_keys set last_used_at = $2 where id = $1 and (last_used_at is null or last_used_at < $2)`;

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function apiKeyStore({ rows, transaction }: Database): ApiKeyStore {
  return {
    createApiKey: (key, limit) => transaction((locked) => addKey(locked, key, limit)),
    async listApiKeys(userId, workspaceId) {
      return (await rows<ApiKeyRow>(selectKeys, [userId, workspaceId])).map(apiKeyFrom);
    },
    async revokeApiKey(id, userId, workspaceId) {
      return uuid.test(id) && (await rows(endKey, [id, userId, workspaceId])).length > 0;
    },
    async findApiKey(secretHash) {
      const [row] = await rows<HeldApiKeyRow>(selectHeldKey, [secretHash]);
      if (!row) return undefined;
      return { ...apiKeyFrom(row), userId: row.user_id, workspaceId: row.workspace_id, role: row.role };
    },
    async touchApiKey(id, minute) {
      await rows(touchKey, [id, minute]);
    },
  };
}

async function addKey(
  rows: ReadRows,
  { userId, workspaceId, name, prefix, secretHash, scopes, expiresAt }: NewApiKey,
  limit: number,
): Promise<ApiKeyRecord | 'limit_reached' | 'no_member'> {
  const owner = [userId, workspaceId];
  if ((await rows(lockMembership, owner)).length === 0) return 'no_member';
  if (only(await rows<{ keys: number }>(countKeys, owner)).keys >= limit) return 'limit_reached';
  const values = [...owner, name, prefix, secretHash, scopes, expiresAt ?? null];
  return apiKeyFrom(only(await rows<ApiKeyRow>(insertKey, values)));
}

function apiKeyFrom(row: ApiKeyRow): ApiKeyRecord {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    scopes: row.scopes,
    createdAt: row.created_at,
    expiresAt: row.expires_at ?? undefined,
    lastUsedAt: row.last_used_at ?? undefined,
  };
}
