-- What the operator has taken down (README.md, Taking down): "link:<id>", "workspace:<id>" or "host:<destination host>", which covers
-- the hosts below it too. Creates and edits are held against it; the links that it covers are disabled one by one.
create table takedowns (
  subject text collate "C" primary key,
  reason text not null default '',
  made_at timestamptz(3) not null default clock_timestamp()
);

-- Of a link that is taken down: the owner's switch, which `disabled` becomes again. Null: it is not taken down.
alter table links add column owner_disabled boolean;
