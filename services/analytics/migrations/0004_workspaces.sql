-- The clicks of all links of a workspace by hour. One row for each partition of the topic that counted some: those who store
-- clicks of different partitions never wait for each other's rows. What is asked for is the sum over the sources.
create table click_workspace_hours (
  workspace_id uuid not null,
  at timestamptz not null,
  -- The partition; -1: what was counted before this table was there, less what was erased.
  source smallint not null,
  clicks bigint not null,
  visitors bigint not null,
  bots bigint not null,
  bot_visitors bigint not null,
  primary key (workspace_id, at, source)
) with (fillfactor = 80);

insert into click_workspace_hours (workspace_id, at, source, clicks, visitors, bots, bot_visitors)
select t.workspace_id, h.at, -1, sum(h.clicks), sum(h.visitors), sum(h.bots), sum(h.bot_visitors)
from click_hours h join click_totals t using (link_id)
where h.clicks + h.bots > 0
group by t.workspace_id, h.at;
