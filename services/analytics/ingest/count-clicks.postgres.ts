import type { PoolClient } from 'pg';
import { isMadeUp, isNamed, mostNamed, others } from '../statistics/dimensions.postgres.ts';
import type { ClickColumns, ClickIndex } from './click-columns.ts';
import { CopyRows, copyInto } from './copy.postgres.ts';
import { fieldsOf, literal } from './insert-clicks.postgres.ts';
import {
  type BreakdownDelta,
  breakdownDeltas,
  counterOf,
  counters,
  type LinkDelta,
  linkDeltas,
  type WorkspaceDelta,
  workspaceDeltas,
} from './rollup-deltas.ts';

function grow(names: readonly string[]): string {
  return names.map((name) => `${name} = r.${name} + excluded.${name}`).join(', ');
}

const moment = (column: string): string => `'epoch'::timestamptz + ${column} * interval '1 microsecond'`;
const valueCounters = counters.slice(0, 4);
const totalCounters = ['clicks', 'bots', 'heads', 'prefetches', 'unmerged'];

/** Rows from array parameters, one for each column; `first` is the number of the first. */
function rowsFrom(first: number, columns: Readonly<Record<string, string>>): string {
  const arrays = Object.values(columns).map((type, n) => `$${first + n}::${type}[]`);
  return `unnest(${arrays.join(', ')}) as i (${Object.keys(columns).join(', ')})`;
}

const ints = (names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, 'int']));

const growRollup = (table: string, first: number): string => `
  insert into ${table} as r (link_id, at, ${counters.join(', ')})
  select link_id, ${moment('at_us')}, ${counters.join(', ')}
  from ${rowsFrom(first, { link_id: 'uuid', at_us: 'bigint', ...ints(counters) })}
  on conflict (link_id, at) do update set ${grow(counters)}`;

/**
 * Every counter but the breakdowns; each table in the order of its key. Returns the links that then have $1 unmerged entries or more, those
 * with most first, $2 at most. $3: the partition.
 */
const growCounters = `
with minutes as (${growRollup('click_minutes', 4)}
), hours as (${growRollup('click_hours', 12)}
), days as (${growRollup('click_days', 20)}
), workspaces as (
  insert into click_workspace_hours as r (workspace_id, at, source, ${valueCounters.join(', ')})
  select workspace_id, ${moment('at_us')}, $3::smallint, ${valueCounters.join(', ')}
  from ${rowsFrom(28, { workspace_id: 'uuid', at_us: 'bigint', ...ints(valueCounters) })}
  on conflict (workspace_id, at, source) do update set ${grow(valueCounters)}
), totals as (
  insert into click_totals as r (link_id, workspace_id, last_click_at, ${totalCounters.join(', ')})
  select link_id, workspace_id, ${moment('last_us')}, ${totalCounters.join(', ')}
  from ${rowsFrom(34, { link_id: 'uuid', workspace_id: 'uuid', last_us: 'bigint', ...ints(totalCounters) })}
  on conflict (link_id) do update set ${grow(totalCounters)},
    last_click_at = greatest(r.last_click_at, excluded.last_click_at)
  returning link_id, unmerged
)
select link_id from totals where unmerged >= $1 order by unmerged desc limit $2`;

const growValues = (table: string, unit: string): string => `
  insert into ${table} as r (link_id, at, dimension, value, ${valueCounters.join(', ')})
  select link_id, date_trunc('${unit}', at, 'UTC') as unit, dimension, value, ${valueCounters.map((name) => `sum(${name})`).join(', ')}
  from named group by link_id, unit, dimension, value order by link_id, unit, dimension, value
  on conflict (link_id, at, dimension, value) do update set ${grow(valueCounters)}`;

/**
 * $2: how many values of a day are named. A merge holds the lock of the link's totals, so it sees the rows of all earlier merges; a value
 * that was not named then is not named later, because the places are taken.
 */
const mergeValues = `
with taken as (
  delete from click_value_deltas where link_id = any($1::uuid[]) returning *
), entries as materialized (
  select t.link_id, t.at, e.dimension, e.value, sum(e.clicks) as clicks, sum(e.visitors) as visitors, sum(e.bots) as bots,
    sum(e.bot_visitors) as bot_visitors
  from taken t cross join lateral unnest(t.dimension, t.value, t.clicks, t.visitors, t.bots, t.bot_visitors)
    as e (dimension, value, clicks, visitors, bots, bot_visitors)
  group by t.link_id, t.at, e.dimension, e.value
), fresh as (
  select *, row_number() over (partition by link_id, day, dimension order by requests desc, value) as place
  from (
    select link_id, date_trunc('day', at, 'UTC') as day, dimension, value, sum(clicks + bots) as requests
    from entries where ${isMadeUp('dimension')} group by link_id, day, dimension, value
  ) f where not (${isNamed({ link: 'f.link_id', day: 'f.day', dimension: 'f.dimension', value: 'f.value' })})
), places as (
  select *, $2 - (
    select count(*) from click_day_values n
    where n.link_id = p.link_id and n.at = p.day and n.dimension = p.dimension and n.value <> '${others}'
  ) as places from (select distinct link_id, day, dimension from fresh) p
), unnamed as materialized (
  select link_id, day, dimension, value from fresh join places using (link_id, day, dimension) where place > places
), named as materialized (
  select e.link_id, e.at, e.dimension, case when u.value is null then e.value else '${others}' end as value,
    ${valueCounters.map((name) => `e.${name}`).join(', ')}
  from entries e left join unnamed u on u.link_id = e.link_id and u.day = date_trunc('day', e.at, 'UTC')
    and u.dimension = e.dimension and u.value = e.value
), hours as (${growValues('click_hour_values', 'hour')}
), days as (${growValues('click_day_values', 'day')}
)
update click_totals set unmerged = 0 where link_id = any($1::uuid[])`;

export interface Merging {
  /** A link's entries are merged once there are this many: a query reads at most that, plus a delivery's. */
  readonly entries: number;
  /** This many links per transaction; others wait for the next, which keeps this one short. */
  readonly links: number;
  /** This many referrers and languages of a link and day are named. */
  readonly named?: number;
}
export const usualMerging: Merging = { entries: 5_000, links: 50 };

/** What clicks add to every counter, as Postgres takes it. */
export interface Additions {
  /** The breakdowns, as rows of `click_value_deltas`; undefined if there are none. */
  readonly breakdowns: CopyRows | undefined;
  /** All other counters, as the parameters of `growCounters` from the fourth on. */
  readonly counters: readonly string[];
}

/** Adds up clicks. They come in the order of their key, which is that of the counters'. `newcomers`: those that bring a new visitor. */
export function additionsOf(
  all: ClickColumns,
  clicks: readonly ClickIndex[],
  newcomers: ReadonlySet<ClickIndex>,
): Additions {
  const byValue = breakdownDeltas(all, clicks, newcomers);
  return {
    breakdowns: byValue.length > 0 ? deltaRows(all, byValue) : undefined,
    counters: [
      ...(['minute', 'hour', 'day'] as const).flatMap((unit) =>
        rollupValues(all, linkDeltas(unit, all, clicks, newcomers)),
      ),
      ...workspaceValues(all, workspaceDeltas(all, clicks, newcomers)),
      ...totalValues(all, clicks, byValue),
    ],
  };
}

/** Adds to every counter. `source`: the partition of the topic. */
export async function addToCounters(
  client: PoolClient,
  { breakdowns, counters: added }: Additions,
  source: number,
  { entries, links, named = mostNamed }: Merging = usualMerging,
): Promise<void> {
  if (breakdowns) {
    const target = 'click_value_deltas (link_id, at, dimension, value, clicks, visitors, bots, bot_visitors)';
    await copyInto(client, target, breakdowns);
  }
  const values = [entries, links, source, ...added];
  const { rows } = await client.query<{ link_id: string }>({ name: 'grow-counters', text: growCounters, values });
  if (rows.length > 0) await client.query(mergeValues, [rows.map(({ link_id }) => link_id), named]);
}

function rollupValues({ dictionary }: ClickColumns, deltas: readonly LinkDelta[]): string[] {
  return [
    literal(deltas.map(({ link }) => dictionary[link])),
    literal(deltas.map(({ at }) => at)),
    ...counters.map((_, counter) => literal(deltas.map(({ counts }) => counts[counter]))),
  ];
}

function workspaceValues({ dictionary }: ClickColumns, deltas: readonly WorkspaceDelta[]): string[] {
  return [
    literal(deltas.map(({ workspace }) => dictionary[workspace])),
    literal(deltas.map(({ at }) => at)),
    ...valueCounters.map((_, counter) => literal(deltas.map(({ counts }) => counts[counter]))),
  ];
}

function totalValues(all: ClickColumns, clicks: readonly ClickIndex[], byValue: readonly BreakdownDelta[]): string[] {
  const { dictionary, at, flags, texts } = all;
  const totals = new Map<number, { workspace: number; counts: number[]; last: number | null; unmerged: number }>();
  for (const click of clicks) {
    const link = texts.linkId[click] as number;
    let total = totals.get(link);
    if (!total) {
      total = { workspace: texts.workspaceId[click] as number, counts: counters.map(() => 0), last: null, unmerged: 0 };
      totals.set(link, total);
    }
    const counter = counterOf(flags[click] as number);
    (total.counts[counter] as number)++;
    // The last of people's clicks, since they come in order of time.
    if (counter === 0) total.last = at[click] as number;
  }
  for (const { link, value } of byValue) {
    const total = totals.get(link);
    if (total) total.unmerged += value.length;
  }
  const rows = [...totals];
  return [
    literal(rows.map(([link]) => dictionary[link])),
    literal(rows.map(([, { workspace }]) => dictionary[workspace])),
    literal(rows.map(([, { last }]) => last ?? 'null')),
    ...[0, 2, 4, 5].map((counter) => literal(rows.map(([, { counts }]) => counts[counter]))),
    literal(rows.map(([, { unmerged }]) => unmerged)),
  ];
}

function deltaRows(all: ClickColumns, deltas: readonly BreakdownDelta[]): CopyRows {
  const { uuid, value } = fieldsOf(all);
  const rows = new CopyRows();
  for (const { link, at, dimension, value: values, counts } of deltas) {
    rows.row(8);
    rows.field(uuid(link));
    rows.time(at);
    rows.int2Array(dimension);
    rows.textArray(values.map(value));
    for (const column of counts) rows.int4Array(column);
  }
  return rows;
}
