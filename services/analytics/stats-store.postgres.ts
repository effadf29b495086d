import type { QueryResultRow } from 'pg';
import type { Replicas } from '#runtime/postgres/replicas.ts';
import { dimensions, type Piece } from './cover.ts';
import { dimensionColumns, kindOf } from './dimensions.postgres.ts';
import type { Counts, PointCounts, StatsReader, StatsStore, TierCounts, ValueCounts } from './store.ts';

export const moment = (column: string): string => `'epoch'::timestamptz + ${column} * interval '1 microsecond'`;

const pieces = `
pieces as (
  select unit, ${moment('from_us')} as lower, ${moment('until_us')} as upper
  from unnest($2::text[], $3::bigint[], $4::bigint[]) as p (unit, from_us, until_us)
)`;

function rollup(table: string, unit: string, columns: string): string {
  return `
  select ${columns} from pieces p join ${table} r on r.link_id = $1 and r.at >= p.lower and r.at < p.upper
  where p.unit = '${unit}'`;
}

/**
 * The clicks themselves, for what lies between the rollups; a visitor belongs to the click it was first seen with. Visitors
 * are looked up one by one: the planner would rather read those of all days.
 */
const single = `
singles as (
  select c.*, (k.kind = 'click')::int as clicks, (k.kind = 'click' and v.at is not null)::int as visitors,
    (k.kind = 'bot')::int as bots, (k.kind = 'bot' and v.at is not null)::int as bot_visitors,
    (k.kind = 'head')::int as heads, (k.kind = 'prefetch')::int as prefetches
  from pieces p
  join clicks c on c.link_id = $1 and c.at >= p.lower and c.at < p.upper
  cross join lateral (select ${kindOf} as kind) k
  left join lateral (
    select v.at from visitors v where v.link_id = c.link_id and v.visitor = c.visitor
      and v.day = (c.at at time zone 'UTC')::date and v.at = c.at and v.request_id = c.request_id limit 1
  ) v on true
  where p.unit = 'click'
)`;

const timeColumns = 'r.at, r.clicks, r.visitors, r.bots, r.bot_visitors, r.heads, r.prefetches';
const pointsOf = `
with ${pieces}, ${single}, rows as (
  ${rollup('click_days', 'day', timeColumns)} union all
  ${rollup('click_hours', 'hour', timeColumns)} union all
  ${rollup('click_minutes', 'minute', timeColumns)} union all
  select ${timeColumns} from singles r
), starts as (
  select array_agg(${moment('us')} order by us) as all_starts from unnest($5::bigint[]) as us
)
select greatest(width_bucket(at, all_starts) - 1, 0) as point,
  sum(clicks)::float8 as clicks, sum(visitors)::float8 as visitors, sum(bots)::float8 as bots,
  sum(bot_visitors)::float8 as bot_visitors, sum(heads)::float8 as heads, sum(prefetches)::float8 as prefetches
from rows, starts group by point`;

/** Each dimension of the single clicks added up by itself, in one pass: a click is not first made seven rows. */
const singleValues = `
  select (case ${dimensions.map((name, index) => `when grouping(${name}) = 0 then ${index + 1}`).join(' ')} end)::smallint
      as dimension, coalesce(${dimensions.join(', ')}) as value,
    sum(clicks)::int as clicks, sum(visitors)::int as visitors, sum(bots)::int as bots, sum(bot_visitors)::int as bot_visitors
  from (select ${dimensionColumns}, c.clicks, c.visitors, c.bots, c.bot_visitors from singles c where c.clicks + c.bots > 0) c
  group by grouping sets (${dimensions.map((name) => `(${name})`).join(', ')})`;

const valueColumns = 'r.dimension, r.value, r.clicks, r.visitors, r.bots, r.bot_visitors';
const valuesOf = `
with ${pieces}, ${single}, rows as (
  ${rollup('click_day_values', 'day', valueColumns)} union all
  ${rollup('click_hour_values', 'hour', valueColumns)} union all
  select e.dimension, e.value, e.clicks, e.visitors, e.bots, e.bot_visitors
  from pieces p join click_value_deltas d on d.link_id = $1 and d.at >= p.lower and d.at < p.upper
  cross join lateral unnest(d.dimension, d.value, d.clicks, d.visitors, d.bots, d.bot_visitors)
    as e (dimension, value, clicks, visitors, bots, bot_visitors)
  where p.unit in ('day', 'hour') union all
  select * from (${singleValues}) s where value <> ''
), named as (
  select dimension, value, sum(clicks)::float8 as clicks, sum(visitors)::float8 as visitors,
    sum(bots)::float8 as bots, sum(bot_visitors)::float8 as bot_visitors
  from rows group by dimension, value
), ranked as (
  select *, row_number() over (
    partition by dimension order by clicks + case when $5 then bots else 0 end desc, value
  ) as rank from named
)
select dimension, value, clicks, visitors, bots, bot_visitors from ranked where rank <= $6
union all
select dimension, null, sum(clicks), sum(visitors), sum(bots), sum(bot_visitors) from named group by dimension`;

const tiersOf = `
select tier, count(*)::float8 as clicks
from (
  select tier, flags from clicks
  where link_id = $1 and at >= ${moment('$2::bigint')} and at < ${moment('$3::bigint')}
  order by at desc limit $5
) c cross join lateral (select ${kindOf} as kind) k
where kind = 'click' or ($4 and kind = 'bot')
group by tier order by clicks desc, tier`;

export interface CountsRow {
  clicks: number;
  visitors: number;
  bots: number;
  bot_visitors: number;
}
interface PointRow extends CountsRow {
  point: number;
  heads: number;
  prefetches: number;
}
interface ValueRow extends CountsRow {
  dimension: number;
  /** Null: the sum of the dimension. */
  value: string | null;
}

export type Query = <Row extends QueryResultRow>(text: string, values: unknown[]) => Promise<{ rows: Row[] }>;

/** What the statistics read. */
export function postgresStatsStore(reads: Pick<Replicas, 'query' | 'snapshot'>): StatsStore {
  return {
    ...readerOf((text, values) => reads.query(text, values)),
    snapshot: (read) => reads.snapshot((client) => read(readerOf((text, values) => client.query(text, values)))),
  };
}

function readerOf(query: Query): StatsReader {
  return {
    async points(linkId, wanted, starts) {
      const { rows } = await query<PointRow>(pointsOf, [linkId, ...columnsOf(wanted), starts]);
      return rows.map((row): PointCounts => {
        const { point, heads, prefetches } = row;
        return { point, heads, prefetches, ...countsOf(row) };
      });
    },

    async values(linkId, wanted, { bots, limit }) {
      const { rows } = await query<ValueRow>(valuesOf, [linkId, ...columnsOf(wanted), bots, limit]);
      const named: ValueCounts[] = [];
      const sums = new Map<ValueCounts['dimension'], Counts>();
      for (const row of rows) {
        const dimension = dimensions[row.dimension - 1];
        if (!dimension) continue;
        if (row.value === null) sums.set(dimension, countsOf(row));
        else named.push({ dimension, value: row.value, ...countsOf(row) });
      }
      return { named, sums };
    },

    async tiers(linkId, { from, until }, { bots, limit }) {
      return (await query<TierCounts>(tiersOf, [linkId, Math.floor(from), Math.ceil(until), bots, limit])).rows;
    },

    async lastClickAt(linkId) {
      const { rows } = await query<{ last_click_at: Date | null }>(
        'select last_click_at from click_totals where link_id = $1',
        [linkId],
      );
      return rows[0]?.last_click_at?.getTime();
    },

    async totals(linkIds) {
      const { rows } = await query<{ link_id: string; clicks: number }>(
        'select link_id, clicks::float8 as clicks from click_totals where link_id = any($1::uuid[]) and clicks > 0',
        [linkIds],
      );
      return new Map(rows.map(({ link_id, clicks }) => [link_id, clicks]));
    },
  };
}

export function columnsOf(wanted: readonly Piece[]): [string[], number[], number[]] {
  return [wanted.map(({ unit }) => unit), wanted.map(({ from }) => from), wanted.map(({ until }) => until)];
}

export function countsOf({ clicks, visitors, bots, bot_visitors: botVisitors }: CountsRow): Counts {
  return { clicks, visitors, bots, botVisitors };
}
