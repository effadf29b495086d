-- People, workspaces, sessions and API keys. Nothing here can be used to sign in: passwords are kept as Argon2id, refresh
-- tokens and API keys as SHA-256 of 190 random bits or more.

create table identity.users (
  id uuid primary key default uuidv7(),
  -- As it was given; shown, never compared.
  email text not null,
  -- What emails are compared by (see email.ts).
  email_key text not null constraint users_email_taken unique,
  name text not null,
  password_hash text not null,
  created_at timestamptz not null default now()
);

create table identity.workspaces (
  id uuid primary key default uuidv7(),
  name text not null,
  created_at timestamptz not null default now()
);

create table identity.memberships (
  user_id uuid not null references identity.users on delete cascade,
  workspace_id uuid not null references identity.workspaces on delete cascade,
  role text not null check (role in ('owner', 'admin', 'member', 'viewer')),
  created_at timestamptz not null default now(),
  primary key (user_id, workspace_id)
);
create index memberships_by_workspace on identity.memberships (workspace_id);

-- A session is the family of refresh tokens that one sign-in began.
create table identity.sessions (
  id uuid primary key default uuidv7(),
  user_id uuid not null,
  workspace_id uuid not null,
  created_at timestamptz not null default now(),
  -- When its newest refresh token ends.
  expires_at timestamptz not null,
  revoked_at timestamptz,
  foreign key (user_id, workspace_id) references identity.memberships on delete cascade
);
create index sessions_by_member on identity.sessions (user_id, workspace_id);
create index sessions_by_end on identity.sessions (expires_at);

create table identity.refresh_tokens (
  token_hash bytea primary key check (octet_length(token_hash) = 32),
  session_id uuid not null references identity.sessions on delete cascade,
  expires_at timestamptz not null,
  -- When it was traded for its successor; null: it is the newest of its family.
  replaced_at timestamptz,
  -- With the token itself this gives the successor again; kept for the grace only.
  successor_nonce bytea
);
create index refresh_tokens_by_session on identity.refresh_tokens (session_id);
create index refresh_tokens_by_end on identity.refresh_tokens (expires_at);
create index refresh_tokens_in_grace on identity.refresh_tokens (replaced_at) where successor_nonce is not null;

create table identity.api_keys (
  id uuid primary key default uuidv7(),
  user_id uuid not null,
  workspace_id uuid not null,
  name text not null,
  prefix text not null,
  secret_hash bytea not null unique check (octet_length(secret_hash) = 32),
  scopes text[] not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz,
  foreign key (user_id, workspace_id) references identity.memberships on delete cascade
);
create index api_keys_of_member on identity.api_keys (user_id, workspace_id, created_at desc) where revoked_at is null;
create index api_keys_revoked on identity.api_keys (revoked_at) where revoked_at is not null;

-- Credentials that ended before their time. xid is the transaction that wrote the row: a reader that kept its snapshot
-- asks for what that snapshot could not see, so a row that commits late is told late and never missed.
create table identity.revocations (
  seq bigint generated always as identity primary key,
  credential_id uuid not null,
  revoked_at timestamptz not null default now(),
  xid xid8 not null default pg_current_xact_id()
);
create index revocations_by_xid on identity.revocations (xid);
create index revocations_by_time on identity.revocations (revoked_at);

-- Failed log-ins of the running hour, by SHA-256 of the email's key, whether or not there is such an account.
create table identity.login_failures (
  account bytea primary key check (octet_length(account) = 32),
  failures integer not null,
  window_started_at timestamptz not null
);
create index login_failures_by_window on identity.login_failures (window_started_at);
