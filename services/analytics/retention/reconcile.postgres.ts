import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '#runtime/postgres/pool.ts';
import { dimensionRows, kindOf, others as otherValues } from '../statistics/dimensions.postgres.ts';
import { keptFrom } from './kept-from.postgres.ts';

interface Scope {
  /** UTC days, as 2026-01-31; until is exclusive. */
  readonly from: string;
  readonly until: string;
  /** Undefined: all links. */
  readonly linkId: string | undefined;
}

/** A row that differs from a recount of the clicks; null: there is no such row. */
export interface Difference {
  readonly table: string;
  readonly key: string;
  readonly counted: string | null;
  readonly kept: string | null;
}

/** How many differences of a table and day are reported; it matters only whether there are any. */
const mostTold = 20;
const times = 'clicks, visitors, bots, bot_visitors, heads, prefetches';
const values = 'clicks, visitors, bots, bot_visitors';

const kinds = `kinds as (
  select c.link_id, c.at, c.request_id, c.visitor, c.new_visitor, ${kindOf} as kind, v.at is not null as first, d.dimension, d.value
  from clicks c
  left join visitors v on v.link_id = c.link_id and v.visitor = c.visitor and v.day = $1::date and v.at = c.at
    and v.request_id = c.request_id
  cross join lateral (values (0::smallint, ''), ${dimensionRows}) as d (dimension, value)
  where c.at >= $1::date::timestamp at time zone 'UTC' and c.at < ($1::date + 1)::timestamp at time zone 'UTC'
    and ($2::uuid is null or c.link_id = $2)
)`;

const counts = `count(*) filter (where kind = 'click') as clicks, count(*) filter (where kind = 'click' and first) as visitors,
  count(*) filter (where kind = 'bot') as bots, count(*) filter (where kind = 'bot' and first) as bot_visitors`;
const others =
  "count(*) filter (where kind = 'head') as heads, count(*) filter (where kind = 'prefetch') as prefetches";

/** If a day has `others`, all its values are compared in total: the clicks do not show which of them are named. */
const told = `case when (link_id, dimension) in (
  select o.link_id, o.dimension from click_day_values o
  where o.at = $1::date::timestamp at time zone 'UTC' and o.value = '${otherValues}' and ($2::uuid is null or o.link_id = $2)
) then '${otherValues}' else value end collate "C"`;

function recount(table: string, unit: string, byValue: boolean): string {
  const key = byValue ? 'link_id, at, dimension, value' : 'link_id, at';
  const columns = byValue ? values : times;
  const expected = byValue
    ? `select link_id, date_trunc('${unit}', at, 'UTC') as at, dimension, ${told} as value, ${counts}
       from kinds where dimension > 0 and value <> '' and kind in ('click', 'bot') group by 1, 2, 3, 4`
    : `select link_id, date_trunc('${unit}', at, 'UTC') as at, ${counts}, ${others}
       from kinds where dimension = 0 group by 1, 2`;
  const unmerged = byValue ? `union all select d.link_id, date_trunc('${unit}', d.at, 'UTC'), ${unmergedEntries}` : '';
  const sums = byValue ? sumsOf(columns) : columns;
  return `with ${kinds}, expected as (${expected}), kept as (
    select ${byValue ? `link_id, at, dimension, ${told} as value` : key}, ${sums}
    from (select ${key}, ${columns} from ${table} ${unmerged}) r
    where at >= $1::date::timestamp at time zone 'UTC' and at < ($1::date + 1)::timestamp at time zone 'UTC'
      and ($2::uuid is null or link_id = $2) ${byValue ? 'group by 1, 2, 3, 4' : ''}
  )
  select '${table}' as table, row(${key})::text as key,
    (select row(${prefixed('e', columns)})::text where e.clicks is not null) as counted,
    (select row(${prefixed('k', columns)})::text where k.clicks is not null) as kept
  from expected e full join kept k using (${key})
  where row(${prefixed('e', columns)}) is distinct from row(${prefixed('k', columns)})
  order by 2 limit ${mostTold}`;
}

/** Unmerged entries belong to the rollup as well. */
const unmergedEntries = `e.dimension, e.value, e.clicks, e.visitors, e.bots, e.bot_visitors
  from click_value_deltas d cross join lateral unnest(d.dimension, d.value, d.clicks, d.visitors, d.bots, d.bot_visitors)
    as e (dimension, value, clicks, visitors, bots, bot_visitors)`;

function sumsOf(columns: string): string {
  return columns
    .split(', ')
    .map((column) => `sum(${column})::bigint as ${column}`)
    .join(', ');
}

function prefixed(alias: string, columns: string): string {
  return columns
    .split(', ')
    .map((column) => `${alias}.${column}`)
    .join(', ');
}

/** Every visitor of the day must be there once, and belong to an existing click. */
const visitorsOfDay = `
with ${kinds}, expected as (
  select distinct link_id, visitor from kinds where dimension = 0 and visitor <> 0 and kind in ('click', 'bot')
), kept as (
  select v.link_id, v.visitor, exists (
    select from clicks c where c.link_id = v.link_id and c.at = v.at and c.request_id = v.request_id
      and c.at >= $1::date::timestamp at time zone 'UTC' and c.at < ($1::date + 1)::timestamp at time zone 'UTC'
  ) as sound
  from visitors v where v.day = $1::date and ($2::uuid is null or v.link_id = $2)
)
select 'visitors' as table, row(link_id, visitor)::text as key, (e.link_id is not null)::text as counted, k.sound::text as kept
from (select *, true as there from expected) e full join kept k using (link_id, visitor)
where e.there is null or k.sound is not true order by 2 limit ${mostTold}`;

/** What a click says about its visitor must agree with the visitors; older clicks do not say. */
const newVisitors = `
with ${kinds}
select 'clicks.new_visitor' as table, row(link_id, at, request_id)::text as key, first::text as counted, new_visitor::text as kept
from kinds where dimension = 0 and new_visitor <> first order by 2 limit ${mostTold}`;

/** A workspace's hour must be the sum of its links', whichever partitions counted it. */
const workspaceHours = `
with expected as (
  select t.workspace_id, h.at, sum(h.clicks) as clicks, sum(h.visitors) as visitors, sum(h.bots) as bots,
    sum(h.bot_visitors) as bot_visitors
  from click_hours h join click_totals t using (link_id)
  where h.at >= $1::date::timestamp at time zone 'UTC' and h.at < ($1::date + 1)::timestamp at time zone 'UTC'
  group by t.workspace_id, h.at having sum(h.clicks + h.bots) > 0
), kept as (
  select workspace_id, at, sum(clicks) as clicks, sum(visitors) as visitors, sum(bots) as bots,
    sum(bot_visitors) as bot_visitors
  from click_workspace_hours
  where at >= $1::date::timestamp at time zone 'UTC' and at < ($1::date + 1)::timestamp at time zone 'UTC'
  group by workspace_id, at having sum(clicks + bots) <> 0
)
select 'click_workspace_hours' as table, row(workspace_id, at)::text as key,
  (select row(${prefixed('e', values)})::text where e.clicks is not null) as counted,
  (select row(${prefixed('k', values)})::text where k.clicks is not null) as kept
from expected e full join kept k using (workspace_id, at)
where row(${prefixed('e', values)}) is distinct from row(${prefixed('k', values)})
order by 2 limit ${mostTold}`;

/** Totals outlive the clicks; they must agree with the days. */
const totals = `
select 'click_totals' as table, link_id::text as key, d.counted::text as counted, t.kept::text as kept
from (
  select link_id, row(sum(clicks), sum(bots), sum(heads), sum(prefetches)) as counted
  from click_days where $1::uuid is null or link_id = $1 group by link_id
) d full join (
  select link_id, row(clicks::numeric, bots::numeric, heads::numeric, prefetches::numeric) as kept
  from click_totals where $1::uuid is null or link_id = $1
) t using (link_id)
where d.counted::text is distinct from t.kept::text order by 2 limit ${mostTold}`;

/** Links whose clicks are being erased: for the moment, what is left of them agrees with nothing. */
const underErasure = `
select link_id from erased_links where done_at is null
union select t.link_id from click_totals t join erased_workspaces w using (workspace_id) where w.done_at is null`;

const keptSince = `select ${keptFrom('clicks')} as clicks, ${keptFrom('minutes')} as minutes`;

/**
 * Recounts the clicks of these days, one day at a time and each on one snapshot: what is stored meanwhile is not seen, and links that are
 * being erased are left out. A day whose clicks were dropped cannot be recounted, and is told as gone. Changes nothing. Times out with the
 * pool's statements.
 */
export async function reconcile(
  pool: Pool,
  { from, until, linkId }: Scope,
  tell: (difference: Difference) => void,
  gone: (day: string) => void = () => {},
): Promise<number> {
  let found = 0;
  const leftOut = new Set<string>();
  const ask = async (client: PoolClient, text: string, parameters: readonly unknown[]): Promise<void> => {
    const { rows } = await client.query<Difference>(text, [...parameters]);
    for (const row of rows.filter(({ key }) => !leftOut.has(firstOf(key)))) {
      tell(row);
      found++;
    }
  };
  const recountDay = async (client: PoolClient, day: string, withMinutes: boolean): Promise<void> => {
    const parameters = [day, linkId ?? null];
    if (withMinutes) await ask(client, recount('click_minutes', 'minute', false), parameters);
    await ask(client, recount('click_hours', 'hour', false), parameters);
    await ask(client, recount('click_days', 'day', false), parameters);
    await ask(client, recount('click_hour_values', 'hour', true), parameters);
    await ask(client, recount('click_day_values', 'day', true), parameters);
    await ask(client, visitorsOfDay, parameters);
    await ask(client, newVisitors, parameters);
  };
  await inTransaction(
    pool,
    async (client) => {
      const erased = await client.query<{ link_id: string }>(underErasure);
      for (const { link_id } of erased.rows) leftOut.add(link_id);
      const { rows } = await client.query<Record<'clicks' | 'minutes', number | null>>(keptSince);
      const isKept = (what: 'clicks' | 'minutes', at: number): boolean => at * 1_000 >= (rows[0]?.[what] ?? 0);
      for (let at = Date.parse(from); at < Date.parse(until); at += 86_400_000) {
        const day = new Date(at).toISOString().slice(0, 10);
        if (isKept('clicks', at)) await recountDay(client, day, isKept('minutes', at));
        else gone(day);
        if (linkId === undefined) await ask(client, workspaceHours, [day]);
      }
      await ask(client, totals, [linkId ?? null]);
    },
    { isolation: 'repeatable read', readOnly: true, retries: 0 },
  );
  return found;
}

/** The id that a key begins with: a link's, as text or first in a row. */
function firstOf(key: string): string {
  return key.replace('(', '').slice(0, 36);
}
