import type { Pool } from 'pg';
import { accountStore } from './accounts/accounts.postgres.ts';
import { deletionStore } from './accounts/deletion.postgres.ts';
import { apiKeyStore } from './api-keys.postgres.ts';
import { revocationStore } from './revocations.postgres.ts';
import { createDatabase } from './rows.postgres.ts';
import { sessionStore } from './sessions/sessions.postgres.ts';
import type { IdentityStore, SweepTimes } from './store.ts';
import { invitationStore } from './workspaces/invitations.postgres.ts';
import { workspaceStore } from './workspaces/workspaces.postgres.ts';

/** Uses only the primary: a revoked credential must not stay valid through a replica's lag. */
export function postgresStore(pool: Pool): IdentityStore {
  const database = createDatabase(pool);
  return {
    ...accountStore(database),
    ...deletionStore(database),
    ...sessionStore(database),
    ...apiKeyStore(database),
    ...workspaceStore(database),
    ...invitationStore(database),
    ...revocationStore(database),
    async sweep(times, limit) {
      let swept = 0;
      for (const { before, text } of sweeps) swept += (await database.rows(text, [times[before], limit])).length;
      return swept;
    },
  };
}

// Rows locked by somebody else are left for the next time: several processes may sweep at once.
const sweeps: readonly { readonly before: keyof SweepTimes; readonly text: string }[] = [
  {
    before: 'noncesBefore',
    text: `update identity.refresh_tokens set successor_nonce = null where token_hash in (
      select token_hash from identity.refresh_tokens where successor_nonce is not null and replaced_at < $1
      limit $2 for update skip locked) returning 1`,
  },
  { before: 'sessionsBefore', text: deleting('sessions', 'id', 'expires_at') },
  { before: 'tokensBefore', text: deleting('refresh_tokens', 'token_hash', 'expires_at') },
  { before: 'revocationsBefore', text: deleting('revocations', 'seq', 'revoked_at') },
  { before: 'loginFailuresBefore', text: deleting('login_failures', 'account', 'window_started_at') },
  { before: 'revokedKeysBefore', text: deleting('api_keys', 'id', 'revoked_at') },
  { before: 'invitationsBefore', text: deleting('invitations', 'id', 'expires_at') },
];

function deleting(table: string, key: string, time: string): string {
  return `delete from identity.${table} where ${key} in (
    select ${key} from identity.${table} where ${time} < $1 limit $2 for update skip locked) returning 1`;
}
