-- Workspaces that nobody is a member of any more, until all is done about their links and clicks (README.md, Closing a workspace).
create table closed_workspaces (
  workspace_id uuid primary key,
  closed_at timestamptz(3) not null default clock_timestamp(),
  -- Its clicks are erased, and those that still come are refused.
  erased_at timestamptz(3)
);
