-- Invitations to a workspace. They go with the membership of the inviter: whoever was removed does not come in again by an invitation of
-- their own.
create table identity.invitations (
  id uuid primary key default uuidv7(),
  workspace_id uuid not null,
  invited_by uuid not null,
  role text not null check (role in ('owner', 'admin', 'member', 'viewer')),
  name text not null,
  secret_hash bytea not null unique check (octet_length(secret_hash) = 32),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  -- Kept until the invitation expires, so that an acceptance whose answer was lost can be repeated.
  accepted_by uuid,
  foreign key (invited_by, workspace_id) references identity.memberships on delete cascade
);
create index invitations_by_workspace on identity.invitations (workspace_id, created_at desc);
create index invitations_by_inviter on identity.invitations (invited_by, workspace_id);
create index invitations_by_end on identity.invitations (expires_at);

-- When a session of the person moved there last: the next log-in leads to the workspace chosen last.
alter table identity.memberships add column chosen_at timestamptz;
