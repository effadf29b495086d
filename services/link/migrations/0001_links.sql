-- The links, their changes, and what the link service keeps beside them. Runs with the schema `link` first in search_path.

-- One sequence for the versions of all links. It is asked only while the lock on the domain and code is held, so that of
-- two versions of one domain and code the greater is the later one, across renames and re-use. It must not cache.
create sequence link_version as bigint cache 1;

-- The key holds nothing but (domain, code), so that the table can be hash-partitioned by it (see README.md, Growing).
create table links (
  domain text collate "C" not null,
  code text collate "C" not null,
  id uuid not null,
  version bigint not null,
  workspace_id uuid not null,
  created_by uuid not null,
  -- The number behind a generated code, and the key that turned it; 0 and 0 for an alias.
  number bigint not null default 0,
  code_key_id integer not null default 0,
  destination text not null check (octet_length(destination) <= 8192),
  redirect_status smallint not null check (redirect_status in (301, 302, 307, 308)),
  title text not null default '',
  tags text[] not null default '{}',
  disabled boolean not null default false,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  expires_at timestamptz(3),
  deleted_at timestamptz(3),
  -- The sweeper has told everyone that the time of this link ran out.
  expiry_announced boolean not null default false,
  -- An alias that looks like a generated code.
  lookalike boolean generated always as (number = 0 and code ~ '^[0-9A-Za-z]{7}$') stored,
  primary key (domain, code)
);

create index links_by_creation on links (workspace_id, created_at desc, id desc);
create index links_by_update on links (workspace_id, updated_at desc, id desc);
create index links_lookalike on links (domain, code) where lookalike;
create index links_to_expire on links (expires_at)
  where expires_at is not null and deleted_at is null and not expiry_announced;

-- What the resolvers read: every column of a LinkRecord, deleted rows too (they are tombstones with a version).
create view followable as
  select id, domain, code, version, workspace_id, created_by, number, code_key_id, destination, redirect_status,
         title, tags, disabled, created_at, updated_at, expires_at, deleted_at
  from links;

-- Every change, written in the transaction of the change. `xid` places it against a snapshot: what a reader has seen is
-- what is visible in the snapshot that it last read with (docs/decisions/0002-change-record.md).
create table link_changes (
  seq bigint generated always as identity primary key,
  xid xid8 not null default pg_current_xact_id(),
  kind smallint not null,
  -- A LinkRecord.
  record bytea not null,
  previous_code text not null default '',
  changed_at timestamptz(3) not null
);

create index link_changes_by_xid on link_changes (xid);
create index link_changes_by_time on link_changes (changed_at);

-- How far changes have been pruned: a cursor that does not see all up to here has missed some.
create table change_horizon (
  only_row boolean primary key default true check (only_row),
  pruned_to xid8 not null
);
insert into change_horizon (pruned_to) values ('0');

-- How far each key of the code space is handed out. Instances reserve blocks from `next` on.
create table code_blocks (
  key_id integer primary key,
  first bigint not null,
  next bigint not null,
  -- The last number of the key's range.
  last bigint not null,
  block_size bigint not null
);

-- The first success of each idempotency key, for 24 hours.
create table idempotency_keys (
  workspace_id uuid not null,
  key text collate "C" not null,
  request_hash bytea not null,
  -- The LinkRecord as it was made.
  record bytea not null,
  created_at timestamptz(3) not null,
  primary key (workspace_id, key)
);
create index idempotency_keys_by_age on idempotency_keys (created_at);

-- From where on the relay still owes changes to the cache.
create table relay_cursors (
  name text primary key,
  cursor text not null,
  updated_at timestamptz(3) not null
);

do $$
begin
  if exists (select from pg_roles where rolname = 'hop_resolver') then
    execute format('grant usage on schema %I to hop_resolver', current_schema());
    grant select on followable to hop_resolver;
  end if;
end
$$;
