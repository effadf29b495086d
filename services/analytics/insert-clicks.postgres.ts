import { dimensions } from './cover.ts';

/** There is a Springfield in every other state. */
const cityWithPlace =
  "case when c.city = '' then '' else concat_ws(', ', c.city, nullif(c.region, ''), nullif(c.country, '')) end";

const valueBy: Readonly<Record<(typeof dimensions)[number], string>> = {
  referrer: 'c.referrer_host',
  country: 'c.country',
  city: cityWithPlace,
  device: 'c.device',
  browser: 'c.browser',
  operating_system: 'c.operating_system',
  language: 'c.language',
};

/** (number, value) of each dimension of the click c, as the breakdowns hold them. */
export const dimensionRows = dimensions
  .map((dimension, index) => `(${index + 1}::smallint, ${valueBy[dimension]})`)
  .join(', ');

/** Which of the counters a click belongs to: one and only one. HEAD 2, prefetch 4, bot 1 (hop.event.v1.ClickFlag). */
export const kindOf =
  "case when flags & 2 <> 0 then 'head' when flags & 4 <> 0 then 'prefetch' when flags & 1 <> 0 then 'bot' else 'click' end";

const timeCounters = ['clicks', 'visitors', 'bots', 'bot_visitors', 'heads', 'prefetches'] as const;
const valueCounters = ['clicks', 'visitors', 'bots', 'bot_visitors'] as const;

function sums(counters: readonly string[]): string {
  return counters.map((counter) => `sum(c.${counter})`).join(', ');
}

function grow(table: string, counters: readonly string[]): string {
  return counters.map((counter) => `${counter} = ${table}.${counter} + excluded.${counter}`).join(', ');
}

function growByTime(table: string, unit: string): string {
  return `
  insert into ${table} as r (link_id, at, ${timeCounters.join(', ')})
  select c.link_id, date_trunc('${unit}', c.at, 'UTC') as unit, ${sums(timeCounters)}
  from counted c group by c.link_id, unit order by c.link_id, unit
  on conflict (link_id, at) do update set ${grow('r', timeCounters)}`;
}

function growByValue(table: string, unit: string): string {
  return `
  insert into ${table} as r (link_id, at, dimension, value, ${valueCounters.join(', ')})
  select c.link_id, date_trunc('${unit}', c.at, 'UTC') as unit, c.dimension, c.value, ${sums(valueCounters)}
  from by_value c group by c.link_id, unit, c.dimension, c.value order by c.link_id, unit, c.dimension, c.value
  on conflict (link_id, at, dimension, value) do update set ${grow('r', valueCounters)}`;
}

/** Of a delivery's clicks on one link, so many are told to those who watch it. */
export const mostTold = 1_000;

/** A click as live_clicks holds it: read by live-clicks.postgres.ts. */
const liveClick =
  '(extract(epoch from s.at) * 1000)::bigint, s.flags, s.country, s.region, s.city, s.device, s.browser, s.operating_system, s.referrer_host, s.language, s.tier';

/**
 * Stores clicks and counts those that were not there, in one statement: the rollups can only grow by what the insert
 * returned. $1: the earliest time taken; then one array for each column; $22: topic and partition; $23: the earliest time not
 * taken; $24: the partition. What is erased is left out. Everything is written in the order of its key, so
 * that two transactions never wait for each other in a circle.
 */
export const insertClicks = `
with incoming as (
  select 'epoch'::timestamptz + i.at_us * interval '1 microsecond' as at, i.*
  from unnest($2::bigint[], $3::uuid[], $4::bigint[], $5::bigint[], $6::smallint[], $7::smallint[], $8::smallint[], $9::text[],
    $10::uuid[], $11::uuid[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[],
    $19::text[], $20::text[], $21::text[])
  as i (at_us, request_id, link_version, visitor, tier, status, flags, edge_id,
    link_id, workspace_id, domain, code, referrer_host, country, region, city, device, browser, operating_system, language)
), stored as (
  insert into clicks (at, request_id, link_id, workspace_id, link_version, visitor, tier, status, flags, edge_id,
    domain, code, referrer_host, country, region, city, device, browser, operating_system, language)
  select at, request_id, link_id, workspace_id, link_version, visitor, tier, status, flags, edge_id,
    domain, code, referrer_host, country, region, city, device, browser, operating_system, language
  from incoming where at_us >= $1::bigint and at_us < $23::bigint
    and not exists (select from erased_links e where e.link_id = incoming.link_id)
    and not exists (select from erased_workspaces e where e.workspace_id = incoming.workspace_id)
  order by at, request_id
  on conflict (at, request_id) do nothing
  returning *
), kinds as materialized (
  select *, ${kindOf} as kind from stored
), newcomers as (
  insert into visitors (day, link_id, visitor, at, request_id)
  select distinct on (link_id, visitor, day) (at at time zone 'UTC')::date as day, link_id, visitor, at, request_id
  from kinds where visitor <> 0 and kind in ('click', 'bot')
  order by link_id, visitor, day, at, request_id
  on conflict (link_id, visitor, day) do nothing
  returning at, request_id
), counted as materialized (
  select k.*,
    (k.kind = 'click')::int as clicks,
    (k.kind = 'click' and n.at is not null)::int as visitors,
    (k.kind = 'bot')::int as bots,
    (k.kind = 'bot' and n.at is not null)::int as bot_visitors,
    (k.kind = 'head')::int as heads,
    (k.kind = 'prefetch')::int as prefetches
  from kinds k left join newcomers n on n.at = k.at and n.request_id = k.request_id
), by_value as materialized (
  select c.link_id, date_trunc('hour', c.at, 'UTC') as at, d.dimension, d.value, ${valueCounters.map((counter) => `sum(c.${counter}) as ${counter}`).join(', ')}
  from counted c cross join lateral (values ${dimensionRows}) as d (dimension, value)
  where c.kind in ('click', 'bot') and d.value <> ''
  group by c.link_id, date_trunc('hour', c.at, 'UTC'), d.dimension, d.value
), live as (
  insert into live_clicks (source, link_id, total, clicks)
  select $22, link_id, max(total), json_agg(click order by place) filter (where place <= ${mostTold})
  from (
    select s.link_id, json_build_array(${liveClick}) as click,
      row_number() over (partition by s.link_id order by s.at, s.request_id) as place,
      count(*) over (partition by s.link_id) as total
    from stored s where s.link_id in (select w.link_id from watched_links w where w.until > now())
  ) c group by link_id
), minutes as (${growByTime('click_minutes', 'minute')}
), hours as (${growByTime('click_hours', 'hour')}
), days as (${growByTime('click_days', 'day')}
), workspace_hours as (
  insert into click_workspace_hours as r (workspace_id, at, source, ${valueCounters.join(', ')})
  select c.workspace_id, date_trunc('hour', c.at, 'UTC') as unit, $24::smallint, ${sums(valueCounters)}
  from counted c where c.kind in ('click', 'bot') group by c.workspace_id, unit order by c.workspace_id, unit
  on conflict (workspace_id, at, source) do update set ${grow('r', valueCounters)}
), hour_values as (${growByValue('click_hour_values', 'hour')}
), day_values as (${growByValue('click_day_values', 'day')}
), totals as (
  insert into click_totals as r (link_id, workspace_id, clicks, bots, heads, prefetches, last_click_at)
  select c.link_id, min(c.workspace_id::text)::uuid, sum(c.clicks), sum(c.bots), sum(c.heads), sum(c.prefetches),
    max(c.at) filter (where c.kind = 'click')
  from counted c group by c.link_id order by c.link_id
  on conflict (link_id) do update set ${grow('r', ['clicks', 'bots', 'heads', 'prefetches'])},
    last_click_at = greatest(r.last_click_at, excluded.last_click_at)
)
select (select count(*) from stored)::int as stored, (select count(*) from incoming where at_us < $1::bigint)::int as expired,
  (select count(*) from incoming where at_us >= $23::bigint)::int as future,
  case when exists (select from erased_links) or exists (select from erased_workspaces) then (
    select count(*) from incoming i where at_us >= $1::bigint and at_us < $23::bigint
      and (exists (select from erased_links e where e.link_id = i.link_id)
        or exists (select from erased_workspaces e where e.workspace_id = i.workspace_id))
  ) else 0 end::int as erased`;
