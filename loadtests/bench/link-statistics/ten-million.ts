// A link that was clicked ten million times in the thirty days before today, as rows: what it would be after a month.
import type pg from 'pg';

export const DAYS = 30;
export const CLICKS_A_DAY = 333_333;
const DAY_MS = 86_400_000;

export interface BusyLink {
  readonly id: string;
  readonly workspaceId: string;
  readonly code: string;
}

/** When the first of the days begins, milliseconds since 1970. */
export const firstDay = (now: number): number => Math.floor(now / DAY_MS) * DAY_MS - DAYS * DAY_MS;

/**
 * All rollups of all days; the clicks themselves, and their visitors, only of the days that are asked to be cut (numbers from 0 on), the
 * first of which must be 0: the other days are copies of its rollups. `first` is when day 0 begins.
 */
export async function storeTenMillion(
  db: pg.Client,
  link: BusyLink,
  first: number,
  cutDays: readonly number[],
): Promise<void> {
  const at = (day: number): string => new Date(first + day * DAY_MS).toISOString();
  const days = Array.from({ length: DAYS }, (_, day) => day);
  for (const day of days) await db.query(partitionOf('click_minutes', 'at', at(day), at(day + 1)));
  for (const day of cutDays) {
    await db.query(partitionOf('clicks', 'at', at(day), at(day + 1)));
    await db.query(partitionOf('visitors', 'day', at(day), at(day + 1)));
    await db.query(clicksOfDay, [link.id, link.workspaceId, link.code, at(day), CLICKS_A_DAY]);
    await db.query(visitorsOfDay, [link.id, at(day), at(day + 1)]);
    for (const text of rollupsOfDay) await db.query(text, [link.id, at(day), at(day + 1)]);
  }
  const copied = days.filter((day) => !cutDays.includes(day));
  for (const text of copies) await db.query(text, [link.id, at(0), at(1), copied]);
  await db.query(totals, [link.id, link.workspaceId]);
  await db.query(
    `vacuum analyze ${['clicks', 'visitors', ...rollups].map((table) => `analytics.${table}`).join(', ')}`,
  );
}

const rollups = ['click_minutes', 'click_hours', 'click_days', 'click_hour_values', 'click_day_values'] as const;

/** Where analytics has not made it, with the name that it would give it. */
function partitionOf(table: string, column: 'at' | 'day', from: string, until: string): string {
  const [day, next] = [from.slice(0, 10), until.slice(0, 10)];
  const bounds = column === 'day' ? `('${day}') to ('${next}')` : `('${from}') to ('${until}')`;
  const name = `analytics.${table}_${day.replaceAll('-', '')}`;
  return `create table if not exists ${name} partition of analytics.${table} for values from ${bounds}`;
}

/** Evenly over the day; some 600 values of all breakdowns, of which a few have most; every tenth click is no person's. */
const clicksOfDay = `
insert into analytics.clicks (at, request_id, link_id, workspace_id, link_version, visitor, tier, status, flags, edge_id, domain,
  code, referrer_host, country, region, city, device, browser, operating_system, language, new_visitor)
select at, gen_random_uuid(), $1, $2, 1, visitor, 2, 302, flags, 'edge-1', 'localhost', $3,
  case when referrer < 60 then '' else 'site-' || referrer || '.example' end, 'C' || city % 60, '',
  case when city < 20 then '' else 'City ' || city end, (array['desktop', 'mobile', 'tablet'])[1 + device],
  'Browser ' || browser, 'System ' || browser % 6, 'l' || city % 20,
  flags < 2 and visitor <> 0 and row_number() over (partition by visitor, flags < 2 order by at) = 1
from (
  select $4::timestamptz + n * (interval '1 day' / $5::int) as at,
    case when random() < 0.02 then 0 else (1 + random() * 200000)::bigint end as visitor,
    (array[1, 1, 1, 1, 1, 2, 2, 4, 4, 4, 0])[least(11, 1 + (random() * 110)::int)]::smallint as flags,
    (300 * random() ^ 2)::int as referrer, (200 * random() ^ 2)::int as city,
    (2 * random() ^ 2)::int as device, (11 * random() ^ 3)::int as browser
  from generate_series(0, $5::int - 1) n
) made
order by at`;

const visitorsOfDay = `
insert into analytics.visitors (day, link_id, visitor, at, request_id)
select (at at time zone 'UTC')::date, link_id, visitor, at, request_id from analytics.clicks
where link_id = $1 and at >= $2 and at < $3 and new_visitor order by visitor`;

const counts = `
  count(*) filter (where flags = 0) as clicks, count(*) filter (where flags = 0 and new_visitor) as visitors,
  count(*) filter (where flags = 1) as bots, count(*) filter (where flags = 1 and new_visitor) as bot_visitors`;

const byTime = (table: string, unit: string): string => `
insert into analytics.${table} (link_id, at, clicks, visitors, bots, bot_visitors, heads, prefetches)
select $1, date_trunc('${unit}', at, 'UTC') as unit, ${counts}, count(*) filter (where flags = 2), count(*) filter (where flags = 4)
from analytics.clicks where link_id = $1 and at >= $2 and at < $3 group by unit order by unit`;

const rollupsOfDay = [
  byTime('click_minutes', 'minute'),
  byTime('click_hours', 'hour'),
  byTime('click_days', 'day'),
  `insert into analytics.click_hour_values (link_id, at, dimension, value, clicks, visitors, bots, bot_visitors)
   select $1, date_trunc('hour', at, 'UTC') as hour, dimension, value, ${counts}
   from analytics.clicks cross join lateral (values (1, referrer_host), (2, country),
     (3, case when city = '' then '' else city || ', ' || country end), (4, device), (5, browser), (6, operating_system), (7, language)
   ) as d (dimension, value)
   where link_id = $1 and at >= $2 and at < $3 and flags < 2 and value <> ''
   group by hour, dimension, value order by hour, dimension, value`,
  `insert into analytics.click_day_values
   select link_id, $2, dimension, value, sum(clicks), sum(visitors), sum(bots), sum(bot_visitors)
   from analytics.click_hour_values where link_id = $1 and at >= $2 and at < $3 group by link_id, dimension, value order by dimension, value`,
];

const copies = rollups.map((table) => {
  const columns = table.endsWith('values')
    ? 'dimension, value, clicks, visitors, bots, bot_visitors'
    : 'clicks, visitors, bots, bot_visitors, heads, prefetches';
  return `
insert into analytics.${table} (link_id, at, ${columns})
select link_id, at + day * interval '1 day', ${columns}
from unnest($4::int[]) as day, analytics.${table} where link_id = $1 and at >= $2 and at < $3 order by day, at`;
});

const totals = `
insert into analytics.click_totals (link_id, workspace_id, clicks, bots, heads, prefetches, last_click_at)
select $1, $2, sum(clicks), sum(bots), sum(heads), sum(prefetches), (select max(at) from analytics.clicks where link_id = $1)
from analytics.click_days where link_id = $1`;
