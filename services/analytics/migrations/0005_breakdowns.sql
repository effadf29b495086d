-- One index finds a click by its link and time, and by itself: a line of the spool says the same link each time it is read,
-- so the longer key keeps twins out as the shorter one did. A process from before this waits until it is replaced: its insert
-- names the key that is gone.
alter table clicks drop constraint clicks_pkey;
alter table clicks add primary key (link_id, at, request_id);
drop index clicks_by_link;

-- What a delivery adds to the breakdowns of a link in an hour: one row, entry by entry. Merged into click_hour_values and
-- click_day_values when a link has many, so that each of their rows grows rarely; until then both are added up when asked.
create table click_value_deltas (
  link_id uuid not null,
  -- When the hour begins (UTC).
  at timestamptz not null,
  dimension smallint[] not null,
  value text[] collate "C" not null,
  clicks int[] not null,
  visitors int[] not null,
  bots int[] not null,
  bot_visitors int[] not null
);
create index click_value_deltas_by_link on click_value_deltas (link_id, at);

-- How many entries of click_value_deltas the link has.
alter table click_totals add column unmerged int not null default 0;
