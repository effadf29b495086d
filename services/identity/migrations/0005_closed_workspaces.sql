-- Workspaces that were left by their last member, until the link service has written down that it closes them. Written in the transaction
-- that deletes the member, so that whatever dies, none is forgotten (docs/decisions/0027-account-deletion.md).
create table identity.closed_workspaces (
  workspace_id uuid primary key,
  closed_at timestamptz not null default now()
);
