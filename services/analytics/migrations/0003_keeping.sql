-- What must never be counted again, and what tells one log of a partition from another. Only added to: processes that do not
-- know these columns and tables go on working beside those that do.

-- Whose clicks are refused from the moment that a row is here. done_at: when nothing of them was left.
create table erased_links (
  link_id uuid primary key,
  asked_at timestamptz not null default now(),
  done_at timestamptz
);
create table erased_workspaces (
  workspace_id uuid primary key,
  asked_at timestamptz not null default now(),
  done_at timestamptz
);

-- A digest of the message in front of digest_offset. It says something only where digest_offset is next_offset.
alter table consumer_offsets add column digest bytea, add column digest_offset bigint;
