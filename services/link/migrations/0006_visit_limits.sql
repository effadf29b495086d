-- How often a link may be followed at most; null: as often as anybody likes.
alter table links add column max_clicks integer;
alter table links add constraint links_max_clicks check (max_clicks >= 1) not valid;
-- All of them are used, and everybody was told; see link_uses for how many are.
alter table links add column used_up boolean not null default false;

-- How often each link was followed since it has, or last had, a limit. Apart from the links: it changes with every click, which is no
-- change of the link, and a narrow row is the cheapest to write. Half of each page is free, for the next version of its rows.
create table link_uses (
  link_id uuid primary key,
  used integer not null check (used >= 0)
) with (fillfactor = 50);

create or replace view followable as
  select id, domain, code, version, workspace_id, created_by, number, code_key_id, destination, redirect_status,
         title, tags, disabled, created_at, updated_at, expires_at, deleted_at, max_clicks, used_up
  from links;
