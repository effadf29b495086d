-- Clicks as they came, and everything that is counted from them. Rows of the rollups grow only by rows that were really
-- inserted into clicks, in the same statement; a recount of clicks gives the same figures.

-- Where each partition of the topic is to be read next. Moved in the transaction that stores what was read.
create table consumer_offsets (
  topic text collate "C" not null,
  partition int not null,
  next_offset bigint not null,
  moved_at timestamptz not null default now(),
  primary key (topic, partition)
);

-- Clicks by UTC day; the days are made ahead by the service. The key is fixed at the edge, so a click that comes twice is
-- refused here. Fixed-width columns first: no padding.
create table clicks (
  at timestamptz not null,
  request_id uuid not null,
  link_id uuid not null,
  workspace_id uuid not null,
  link_version bigint not null,
  -- 0: not known.
  visitor bigint not null,
  -- hop.event.v1.Tier
  tier smallint not null,
  status smallint not null,
  -- A sum of hop.event.v1.ClickFlag.
  flags smallint not null,
  edge_id text collate "C" not null,
  domain text collate "C" not null,
  code text collate "C" not null,
  referrer_host text collate "C" not null,
  country text collate "C" not null,
  region text collate "C" not null,
  city text collate "C" not null,
  device text collate "C" not null,
  browser text collate "C" not null,
  operating_system text collate "C" not null,
  language text collate "C" not null,
  primary key (at, request_id)
) partition by range (at);
create table clicks_default partition of clicks default;
create index clicks_by_link on clicks (link_id, at);

-- The first counted click of each visitor of a link on a UTC day: makes visitors exact, and lets them be added up.
create table visitors (
  day date not null,
  link_id uuid not null,
  visitor bigint not null,
  at timestamptz not null,
  request_id uuid not null,
  primary key (link_id, visitor, day)
) partition by range (day);
create table visitors_default partition of visitors default;

-- Rollups. at is when the minute, hour or day begins (UTC). clicks and visitors are those of people; nothing is in two
-- columns at once.
create table click_minutes (
  link_id uuid not null,
  at timestamptz not null,
  clicks bigint not null,
  visitors bigint not null,
  bots bigint not null,
  bot_visitors bigint not null,
  heads bigint not null,
  prefetches bigint not null,
  primary key (link_id, at)
) partition by range (at);
create table click_minutes_default partition of click_minutes default with (fillfactor = 80);

create table click_hours (
  link_id uuid not null,
  at timestamptz not null,
  clicks bigint not null,
  visitors bigint not null,
  bots bigint not null,
  bot_visitors bigint not null,
  heads bigint not null,
  prefetches bigint not null,
  primary key (link_id, at)
) with (fillfactor = 80);

create table click_days (
  link_id uuid not null,
  at timestamptz not null,
  clicks bigint not null,
  visitors bigint not null,
  bots bigint not null,
  bot_visitors bigint not null,
  heads bigint not null,
  prefetches bigint not null,
  primary key (link_id, at)
) with (fillfactor = 80);

-- Breakdowns, by hour for the ends of a range and by day for its middle. dimension: 1 referrer host, 2 country, 3 city,
-- 4 device, 5 browser, 6 operating system, 7 language. The empty value has no row: it is what the others leave.
create table click_hour_values (
  link_id uuid not null,
  at timestamptz not null,
  dimension smallint not null,
  value text collate "C" not null,
  clicks bigint not null,
  visitors bigint not null,
  bots bigint not null,
  bot_visitors bigint not null,
  primary key (link_id, at, dimension, value)
) with (fillfactor = 80);

create table click_day_values (
  link_id uuid not null,
  at timestamptz not null,
  dimension smallint not null,
  value text collate "C" not null,
  clicks bigint not null,
  visitors bigint not null,
  bots bigint not null,
  bot_visitors bigint not null,
  primary key (link_id, at, dimension, value)
) with (fillfactor = 80);

create table click_totals (
  link_id uuid primary key,
  workspace_id uuid not null,
  clicks bigint not null,
  bots bigint not null,
  heads bigint not null,
  prefetches bigint not null,
  -- Of people's clicks.
  last_click_at timestamptz
) with (fillfactor = 80);
create index click_totals_by_workspace on click_totals (workspace_id);

-- What visitors are hashed with. A row is deleted once its day, and the time a click may wait in a spool, are over: from
-- then on nobody can tell whose the visitors of that day were. To be left out of backups.
create table visitor_salts (
  day date primary key,
  salt bytea not null check (length(salt) = 32)
);
