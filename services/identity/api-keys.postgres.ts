import type { QueryResultRow } from 'pg';
import { isUuid } from '#runtime/shortlink/link-key.ts';
import type { Role, Scope } from './roles.ts';
import { type Database, only, type ReadRows } from './rows.postgres.ts';
import type { ApiKeyRecord, ApiKeyRefusal, ApiKeyStore, NewApiKey } from './store.ts';

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

// Locked, so that two keys created at once cannot both be the last one allowed, and none is created by a key that is being revoked.
const lockMembership = 'select from identity.memberships where user_id = $1 and workspace_id = $2 for update';

const countKeys = `
  select count(*)::int as keys from identity.api_keys where user_id = $1 and workspace_id = $2 and revoked_at is null`;

const selectParent = `
  select expires_at from identity.api_keys
  where id = $3 and user_id = $1 and workspace_id = $2 and revoked_at is null`;

const insertKey = `
  insert into identity.api_keys as k (user_id, workspace_id, name, prefix, secret_hash, scopes, expires_at, parent_id)
  values ($1, $2, $3, $4, $5, $6, $7, $8) returning ${columns}`;

const selectKeys = `
  select ${columns} from identity.api_keys k
  where k.user_id = $1 and k.workspace_id = $2 and k.revoked_at is null
  order by k.created_at desc, k.id desc`;

const endKey = `
  with recursive family as (
    select id from identity.api_keys where id = $3 and user_id = $1 and workspace_id = $2 and revoked_at is null
    union all
    select k.id from identity.api_keys k join family on k.parent_id = family.id
  ), ended as (
    update identity.api_keys set revoked_at = now()
    where id in (select id from family) and revoked_at is null returning id
  )
  insert into identity.revocations (credential_id) select id from ended returning credential_id`;

const selectHeldKey = `
  select ${columns}, k.user_id, k.workspace_id, m.role
  from identity.api_keys k
  join identity.memberships m on m.user_id = k.user_id and m.workspace_id = k.workspace_id
  where k.secret_hash = $1 and k.revoked_at is null`;

const touchKey = `
  update identity.api_keys set last_used_at = $2 where id = $1 and (last_used_at is null or last_used_at < $2)`;

export function apiKeyStore({ rows, transaction }: Database): ApiKeyStore {
  return {
    createApiKey: (key, limit) => transaction((locked) => addKey(locked, key, limit)),
    async listApiKeys(userId, workspaceId) {
      return (await rows<ApiKeyRow>(selectKeys, [userId, workspaceId])).map(apiKeyFrom);
    },
    async revokeApiKey(id, userId, workspaceId) {
      if (!isUuid(id)) return false;
      const ended = await transaction(async (locked) => {
        await locked(lockMembership, [userId, workspaceId]);
        return locked(endKey, [userId, workspaceId, id]);
      });
      return ended.length > 0;
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
  { userId, workspaceId, name, prefix, secretHash, scopes, expiresAt, parentId }: NewApiKey,
  limit: number,
): Promise<ApiKeyRecord | ApiKeyRefusal> {
  const owner = [userId, workspaceId];
  if ((await rows(lockMembership, owner)).length === 0) return 'no_member';
  if (only(await rows<{ keys: number }>(countKeys, owner)).keys >= limit) return 'limit_reached';
  const lastEnd = parentId === undefined ? null : await endOfParent(rows, owner, parentId);
  if (lastEnd === 'parent_gone') return lastEnd;
  if (lastEnd && expiresAt && expiresAt > lastEnd) return 'outlives_parent';
  const values = [...owner, name, prefix, secretHash, scopes, expiresAt ?? lastEnd, parentId ?? null];
  return apiKeyFrom(only(await rows<ApiKeyRow>(insertKey, values)));
}

/** Null: it never expires. */
async function endOfParent(
  rows: ReadRows,
  owner: readonly string[],
  parentId: string,
): Promise<Date | null | 'parent_gone'> {
  if (!isUuid(parentId)) return 'parent_gone';
  const [parent] = await rows<Pick<ApiKeyRow, 'expires_at'>>(selectParent, [...owner, parentId]);
  return parent ? parent.expires_at : 'parent_gone';
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
