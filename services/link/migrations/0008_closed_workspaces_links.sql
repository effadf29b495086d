-- From when its links are deleted, so that only its clicks are still to be erased.
alter table closed_workspaces add column links_deleted_at timestamptz(3);
