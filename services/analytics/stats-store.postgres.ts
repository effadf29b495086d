import type { QueryResultRow } from 'pg';
import type { Replicas } from '#runtime/postgres/replicas.ts';
import { dimensions, type Piece, type Unit } from './cover.ts';
import {
  dimensionColumns,
  dimensionOfSet,
  dimensionSets,
  isBot,
  isCounted,
  kindOf,
  valueOfSet,
} from './dimensions.postgres.ts';
import type { Counts, PointCounts, StatsReader, StatsStore, TierCounts, ValueCounts } from './store.ts';

export const moment = (column: string): string => `'epoch'::timestamptz + ${column} * interval '1 microsecond'`;

/** What is read of the rollups, from columnsOf: the parameters after the link. */
export const pieces = `
pieces as (
  select unit, ${moment('from_us')} as lower, ${moment('until_us')} as upper, sign
  from unnest($2::text[], $3::bigint[], $4::bigint[], $5::int[]) as p (unit, from_us, until_us, sign)
)`;

function rollup(table: string, unit: Unit, keys: string, counts: readonly string[]): string {
  return `
  select ${keys}, ${signed(counts)} from pieces p join ${table} r on r.link_id = $1 and r.at >= p.lower and r.at < p.upper
  where p.unit = '${unit}'`;
}

const signed = (counts: readonly string[]): string => counts.map((name) => `p.sign * r.${name} as ${name}`).join(', ');

/** Clicks that are counted by themselves, where no rollup fits: with which sign, and between which parameters. */
interface Singles {
  readonly sign: '+' | '-';
  readonly from: string;
  readonly until: string;
}
type Bounds = Omit<Singles, 'sign'>;

const dayOf = (at: string): string => `(${at} at time zone 'UTC')::date`;

/**
 * Whether its visitor was first seen with the click. Those that were stored by older processes do not say so: a look-up each. The
 * days are said twice, for the planner: those that it does not have to plan for are some four hundred.
 */
const isNew = ({ from, until }: Bounds): string => `coalesce(c.new_visitor, exists (
  select from visitors v where v.link_id = c.link_id and v.visitor = c.visitor and v.day = ${dayOf('c.at')}
    and v.day >= ${dayOf(from)} and v.day <= ${dayOf(until)} and v.at = c.at and v.request_id = c.request_id
))`;

/** Bounds are parameters of the column's type, not rows or sums: so the planner knows which days are read, and how much of each. */
const clicksOf = (columns: string, bounds: Bounds): string => `
  select ${columns}, c.flags, ${isNew(bounds)} as is_new
  from clicks c where c.link_id = $1 and c.at >= ${bounds.from} and c.at < ${bounds.until}`;

const valueCounts = ['clicks', 'visitors', 'bots', 'bot_visitors'] as const;
const pointCounts = [...valueCounts, 'heads', 'prefetches'] as const;

const singlePoints = ({ sign, ...bounds }: Singles): string => `
  select at, ${sign}(kind = 'click')::int, ${sign}(kind = 'click' and is_new)::int, ${sign}(kind = 'bot')::int,
    ${sign}(kind = 'bot' and is_new)::int, ${sign}(kind = 'head')::int, ${sign}(kind = 'prefetch')::int
  from (${clicksOf('c.at', bounds)}) c cross join lateral (select ${kindOf} as kind) k`;

const rollups = [
  { table: 'click_days', unit: 'day' },
  { table: 'click_hours', unit: 'hour' },
  { table: 'click_minutes', unit: 'minute' },
] as const;

/** A table that no piece is of is not even planned for. */
const pointsOf = (singles: readonly Singles[], units: ReadonlySet<Unit>): string => `
with ${pieces}, rows as (
  ${[
    `select null::timestamptz as at, ${pointCounts.map((name) => `0 as ${name}`).join(', ')} where false`,
    ...rollups.filter(({ unit }) => units.has(unit)).map(({ table, unit }) => rollup(table, unit, 'r.at', pointCounts)),
    ...singles.map(singlePoints),
  ].join(' union all ')}
), starts as (
  select array_agg(${moment('us')} order by us) as all_starts from unnest($6::bigint[]) as us
)
select greatest(width_bucket(at, all_starts) - 1, 0) as point,
  sum(clicks)::float8 as clicks, sum(visitors)::float8 as visitors, sum(bots)::float8 as bots,
  sum(bot_visitors)::float8 as bot_visitors, sum(heads)::float8 as heads, sum(prefetches)::float8 as prefetches
from rows, starts group by point`;

const singleValues = ({ sign, ...bounds }: Singles): string => `
  select dimension, value, ${sign}clicks, ${sign}visitors, ${sign}bots, ${sign}bot_visitors
  from (
    select ${dimensionOfSet} as dimension, ${valueOfSet} as value,
      count(*) filter (where not is_bot) as clicks, count(*) filter (where not is_bot and is_new) as visitors,
      count(*) filter (where is_bot) as bots, count(*) filter (where is_bot and is_new) as bot_visitors
    from (${clicksOf(`${dimensionColumns}, ${isBot} as is_bot`, bounds)} and ${isCounted}) c
    group by grouping sets (${dimensionSets})
  ) s where value <> ''`;

const valuesOf = (singles: readonly Singles[]): string => `
with ${pieces}, rows as (
  ${[
    rollup('click_day_values', 'day', 'r.dimension, r.value', valueCounts),
    rollup('click_hour_values', 'hour', 'r.dimension, r.value', valueCounts),
    `
  select r.dimension, r.value, ${signed(valueCounts)}
  from pieces p join click_value_deltas d on d.link_id = $1 and d.at >= p.lower and d.at < p.upper
  cross join lateral unnest(d.dimension, d.value, d.clicks, d.visitors, d.bots, d.bot_visitors)
    as r (dimension, value, ${valueCounts.join(', ')})`,
    ...singles.map(singleValues),
  ].join(' union all ')}
), named as (
  select dimension, value, sum(clicks)::float8 as clicks, sum(visitors)::float8 as visitors,
    sum(bots)::float8 as bots, sum(bot_visitors)::float8 as bot_visitors
  from rows group by dimension, value having sum(clicks) > 0 or sum(bots) > 0
), ranked as (
  select *, row_number() over (
    partition by dimension order by clicks + case when $6 then bots else 0 end desc, value
  ) as rank from named
)
select dimension, value, clicks, visitors, bots, bot_visitors from ranked where rank <= $7
union all
select dimension, null, sum(clicks), sum(visitors), sum(bots), sum(bot_visitors) from named group by dimension`;

const tiersOf = `
select tier, count(*)::float8 as clicks
from (
  select tier, flags from clicks
  where link_id = $1 and at >= $2::timestamptz and at < $3::timestamptz
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
      const { rows } = await query<PointRow>(...reading(pointsOf, linkId, wanted, [starts]));
      return rows.map((row): PointCounts => {
        const { point, heads, prefetches } = row;
        return { point, heads, prefetches, ...countsOf(row) };
      });
    },

    async values(linkId, wanted, { bots, limit }) {
      const { rows } = await query<ValueRow>(...reading(valuesOf, linkId, wanted, [bots, limit]));
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
      return (
        await query<TierCounts>(tiersOf, [
          linkId,
          timestampOf(Math.floor(from)),
          timestampOf(Math.ceil(until)),
          bots,
          limit,
        ])
      ).rows;
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

/** A question's text and parameters: the link, the pieces of rollups, `others`, and the bounds of what is counted click by click. */
function reading(
  textOf: (singles: readonly Singles[], units: ReadonlySet<Unit>) => string,
  linkId: string,
  wanted: readonly Piece[],
  others: readonly unknown[],
): [string, unknown[]] {
  const counted = wanted.filter(({ unit }) => unit !== 'click');
  const clicks = wanted.filter(({ unit }) => unit === 'click');
  const values: unknown[] = [linkId, ...columnsOf(counted), ...others];
  const parameter = (at: number): string => `$${values.push(timestampOf(at))}::timestamptz`;
  const singles = clicks.map(({ from, until, less }) => ({
    sign: less ? ('-' as const) : ('+' as const),
    from: parameter(from),
    until: parameter(until),
  }));
  return [textOf(singles, new Set(wanted.map(({ unit }) => unit))), values];
}

/** As Postgres reads it, with the microseconds that a Date has not. */
function timestampOf(us: number): string {
  const micros = String(us % 1_000).padStart(3, '0');
  return new Date(Math.floor(us / 1_000)).toISOString().replace('Z', `${micros}Z`);
}

/** The parameters of `pieces`. */
export function columnsOf(wanted: readonly Piece[]): [string[], number[], number[], number[]] {
  return [
    wanted.map(({ unit }) => unit),
    wanted.map(({ from }) => from),
    wanted.map(({ until }) => until),
    wanted.map(({ less }) => (less ? -1 : 1)),
  ];
}

export function countsOf({ clicks, visitors, bots, bot_visitors: botVisitors }: CountsRow): Counts {
  return { clicks, visitors, bots, botVisitors };
}
