import type { QueryResultRow } from 'pg';
import { isUuid } from '#runtime/shortlink/link-key.ts';
import {
  type AccountRow,
  accountFrom,
  credentialOf,
  type Database,
  only,
  type ReadRows,
  selectAccount,
} from '../rows.postgres.ts';
import type { Account, HeldToken, OpenedSession, OpenSession, SessionStore, TokenDecision } from '../store.ts';

interface HeldTokenRow extends QueryResultRow {
  session_id: string;
  user_id: string;
  workspace_id: string;
  expires_at: Date;
  replaced_at: Date | null;
  successor_nonce: Buffer | null;
  revoked_at: Date | null;
}

interface OpenSessionRow extends QueryResultRow {
  id: string;
  client: string;
  created_at: Date;
  renewed_at: Date;
  expires_at: Date;
}

// Under locks shared with changes of the password and of the role: after such a change no session is opened with the old one.
const insertSession = `
  with held as (
    select u.id, m.role from identity.users u join identity.memberships m on m.user_id = u.id
    where u.id = $1 and u.password_version = $6 and m.workspace_id = $2 for share
  ), s as (
    insert into identity.sessions (user_id, workspace_id, expires_at, client) select id, $2, $3, $5 from held returning id
  ), t as (
    insert into identity.refresh_tokens (token_hash, session_id, expires_at) select $4, s.id, $3 from s
  )
  select s.id, held.role from s, held`;

// Whoever removes the member, or changes their role, ends the sessions that are in the workspace by then: a move waits for that, or is seen.
const lockTarget = `
  select 1 from identity.memberships where workspace_id = $2 and user_id = (
    select s.user_id from identity.refresh_tokens t join identity.sessions s on s.id = t.session_id where t.token_hash = $1
  ) for no key update`;

// Both rows are locked: concurrent refreshes queue up behind the token, and a log-out behind the session. Only locked rows are read anew
// after the wait.
const lockToken = `
  select ${credentialOf} as session_id, t.expires_at, t.replaced_at, t.successor_nonce, s.revoked_at, s.user_id, s.workspace_id
  from identity.refresh_tokens t join identity.sessions s on s.id = t.session_id
  where t.token_hash = $1
  for update of t, s`;

// The row and its id stay: whoever waits for it, to end it or to exchange another of its tokens, finds it.
const moveSession = `
  with moved as (
    update identity.sessions set credential_id = uuidv7(), workspace_id = $2
    where id = (select session_id from identity.refresh_tokens where token_hash = $1)
    returning user_id, credential_id, coalesce(old.credential_id, old.id) as credential_before
  ), chosen as (
    update identity.memberships m set chosen_at = now() from moved where m.user_id = moved.user_id and m.workspace_id = $2
  ), ended as (
    insert into identity.revocations (credential_id) select credential_before from moved
  )
  select credential_id as id from moved`;

const replaceToken = `
  with replaced as (
    update identity.refresh_tokens set replaced_at = $2, successor_nonce = $3 where token_hash = $1 returning session_id
  ), successor as (
    insert into identity.refresh_tokens (token_hash, session_id, expires_at) select $4, session_id, $5 from replaced
  )
  update identity.sessions set expires_at = $5, renewed_at = $2 where id = (select session_id from replaced)`;

// To the millisecond, like page tokens and JavaScript dates: otherwise sessions of the same millisecond would be skipped.
const lastUsed = "date_trunc('milliseconds', coalesce(renewed_at, created_at))";

const selectSessions = `
  select ${credentialOf} as id, client, created_at, ${lastUsed} as renewed_at, expires_at
  from identity.sessions s where user_id = $1 and revoked_at is null and expires_at > $2
    and ($3::timestamptz is null or (${lastUsed}, ${credentialOf}) < ($3, $4::uuid))
  order by ${lastUsed} desc, ${credentialOf} desc limit $5`;

// By its own id too: a log-out may wait for a move, or come with an access token from just before it.
const endSession = `
  with ended as (
    update identity.sessions s set revoked_at = $3
    where $1::uuid in (s.id, s.credential_id) and user_id = $2 and revoked_at is null returning ${credentialOf} as id
  )
  insert into identity.revocations (credential_id) select id from ended returning credential_id`;

// Locked in a fixed order: two concurrent calls, each to keep its own session, must not deadlock.
const endOtherSessions = `
  with others as (
    select id from identity.sessions
    where user_id = $2 and ($1::uuid in (id, credential_id)) is not true and revoked_at is null and expires_at > $3
    order by id limit $4 for update
  ), ended as (
    update identity.sessions s set revoked_at = $3 where id in (select id from others) returning ${credentialOf} as id
  )
  insert into identity.revocations (credential_id) select id from ended returning credential_id`;

export function sessionStore({ rows, transaction }: Database): SessionStore {
  return {
    async openSession({ account: { userId, workspaceId, passwordVersion }, token: { hash, expiresAt }, client = '' }) {
      const values = [userId, workspaceId, expiresAt, hash, client, passwordVersion];
      return (await rows<OpenedSession & QueryResultRow>(insertSession, values))[0];
    },
    async listSessions({ userId, at, after, limit }) {
      const values = [userId, at, after?.at ?? null, after?.id ?? null, limit];
      return (await rows<OpenSessionRow>(selectSessions, values)).map(openSessionFrom);
    },
    useRefreshToken(hash, { decide, workspaceId }) {
      return transaction(async (locked) => {
        const isMember = workspaceId === undefined || (await lockMembership(locked, hash, workspaceId));
        const held = await lockHeldToken(locked, hash);
        if (!held) return undefined;
        const decision = decide(held);
        const target = goesOn(decision) ? workspaceId : undefined;
        if (target !== undefined && !isMember) return 'no_member';
        await carryOut(locked, hash, held, decision);
        return { held: await moved(locked, hash, held, target), decision };
      });
    },
    async revokeSession(sessionId, userId, at) {
      return isUuid(sessionId) && (await rows(endSession, [sessionId, userId, at])).length > 0;
    },
    async revokeOtherSessions(keptId, userId, at, limit) {
      return endOthers(rows, { keptId, userId, at, limit });
    },
  };
}

interface Others {
  /** Undefined: none is kept. */
  readonly keptId: string | undefined;
  readonly userId: string;
  readonly at: Date;
  readonly limit: number;
}

/** Returns how many were ended. */
export async function endOthers(rows: ReadRows, { keptId, userId, at, limit }: Others): Promise<number> {
  return (await rows(endOtherSessions, [keptId, userId, at, limit])).length;
}

async function lockHeldToken(rows: ReadRows, hash: Buffer): Promise<HeldToken | undefined> {
  const [token] = await rows<HeldTokenRow>(lockToken, [hash]);
  const [account] = token ? await rows<AccountRow>(selectAccount, [token.user_id, token.workspace_id]) : [];
  return token && account && heldTokenFrom(token, accountFrom(account));
}

const goesOn = ({ kind }: TokenDecision): boolean => kind === 'rotate' || kind === 'repeat';

/** Whether the token's person belongs to the workspace. */
async function lockMembership(rows: ReadRows, hash: Buffer, workspaceId: string): Promise<boolean> {
  return isUuid(workspaceId) && (await rows(lockTarget, [hash, workspaceId])).length > 0;
}

async function moved(rows: ReadRows, hash: Buffer, held: HeldToken, workspaceId?: string): Promise<HeldToken> {
  const { userId, workspaceId: present } = held.account;
  if (workspaceId === undefined || workspaceId.toLowerCase() === present) return held;
  const { id } = only(await rows<{ id: string }>(moveSession, [hash, workspaceId]));
  const account = accountFrom(only(await rows<AccountRow>(selectAccount, [userId, workspaceId])));
  return { ...held, sessionId: id, account };
}

async function carryOut(rows: ReadRows, hash: Buffer, held: HeldToken, decision: TokenDecision): Promise<void> {
  if (decision.kind === 'rotate') {
    const { at, nonce, successor } = decision;
    await rows(replaceToken, [hash, at, nonce, successor.hash, successor.expiresAt]);
  } else if (decision.kind === 'revoke') {
    await rows(endSession, [held.sessionId, held.account.userId, decision.at]);
  }
}

function heldTokenFrom(row: HeldTokenRow, account: Account): HeldToken {
  return {
    sessionId: row.session_id,
    account,
    expiresAt: row.expires_at,
    replacedAt: row.replaced_at ?? undefined,
    successorNonce: row.successor_nonce ?? undefined,
    revoked: row.revoked_at !== null,
  };
}

function openSessionFrom(row: OpenSessionRow): OpenSession {
  return {
    id: row.id,
    client: row.client,
    createdAt: row.created_at,
    renewedAt: row.renewed_at,
    expiresAt: row.expires_at,
  };
}
