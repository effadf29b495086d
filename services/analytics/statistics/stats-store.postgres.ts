import type { QueryResultRow } from 'pg';
import type { Replicas, Statement } from '#runtime/postgres/replicas.ts';
import { keptFrom } from '../retention/kept-from.postgres.ts';
import type { Counts, PointCounts, StatsReader, StatsStore, TierCounts, ValueCounts } from '../store.ts';
import type { Piece, Unit } from './cover.ts';
import {
  dimensionColumns,
  dimensionOfSet,
  dimensionSets,
  isBot,
  isCounted,
  kindOf,
  nameOf,
  valueOfSet,
} from './dimensions.postgres.ts';
import { dimensionOf } from './dimensions.ts';
import { clicksOf, pieces, pointsOf, rollup, type Shifts, type Singles, valueCounts } from './stats-points.postgres.ts';

/** The pieces of breakdowns lie within days. */
const singleValues = ({ sign, ...bounds }: Singles): string => `
  select dimension, ${nameOf({ link: '$1', day: startOfDay(bounds.from), dimension: 's.dimension', value: 's.value' })},
    ${sign}clicks, ${sign}visitors, ${sign}bots, ${sign}bot_visitors
  from (
    select ${dimensionOfSet} as dimension, ${valueOfSet} as value,
      count(*) filter (where not is_bot) as clicks, count(*) filter (where not is_bot and is_new) as visitors,
      count(*) filter (where is_bot) as bots, count(*) filter (where is_bot and is_new) as bot_visitors
    from (${clicksOf(`${dimensionColumns}, ${isBot} as is_bot`, bounds)} and ${isCounted}) c
    group by grouping sets (${dimensionSets})
  ) s where value <> ''`;

const startOfDay = (at: string): string => `date_trunc('day', ${at}, 'UTC')`;

const valuesOf = (singles: readonly Singles[]): string => `
with ${pieces}, rows as (
  ${[
    rollup('click_day_values', 'day', 'r.dimension, r.value', valueCounts),
    rollup('click_hour_values', 'hour', 'r.dimension, r.value', valueCounts),
    `
  select d.dimension, ${nameOf({ link: '$1', day: 'd.day', dimension: 'd.dimension', value: 'd.value' })}, ${valueCounts.join(', ')}
  from (
    select ${startOfDay('d.at')} as day, r.dimension, r.value, ${valueCounts.map((name) => `sum(p.sign * r.${name}) as ${name}`).join(', ')}
    from pieces p join click_value_deltas d on d.link_id = $1 and d.at >= p.lower and d.at < p.upper
    cross join lateral unnest(d.dimension, d.value, d.clicks, d.visitors, d.bots, d.bot_visitors)
      as r (dimension, value, ${valueCounts.join(', ')})
    group by day, r.dimension, r.value
  ) d`,
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
  /** Null: the sum over the dimension. */
  value: string | null;
}

export type Query = <Row extends QueryResultRow>(statement: Statement, values: unknown[]) => Promise<{ rows: Row[] }>;

interface RetainedRow {
  clicks_from: number | null;
  minutes_from: number | null;
}
const retainedOf = `select ${keptFrom('clicks')} as clicks_from, ${keptFrom('minutes')} as minutes_from`;

/** The queries of the statistics. */
export function postgresStatsStore(reads: Pick<Replicas, 'query' | 'snapshot'>): StatsStore {
  return {
    ...readerOf((statement, values) => reads.query(statement, values)),
    async retained() {
      const { rows } = await reads.query<RetainedRow>(retainedOf);
      const [{ clicks_from, minutes_from } = { clicks_from: null, minutes_from: null }] = rows;
      return { clicksFrom: clicks_from ?? 0, minutesFrom: minutes_from ?? 0 };
    },
    snapshot: (read) =>
      reads.snapshot((client) => read(readerOf((statement, values) => client.query(statement, values)))),
  };
}

/** A named statement, because it runs with each read of links. */
const totalsOf = {
  name: 'totals',
  text: 'select link_id, clicks::float8 as clicks from click_totals where link_id = any($1::uuid[]) and clicks > 0',
};

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
        const dimension = dimensionOf(row.dimension);
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
      const { rows } = await query<{ link_id: string; clicks: number }>(totalsOf, [linkIds]);
      return new Map(rows.map(({ link_id, clicks }) => [link_id, clicks]));
    },
  };
}

/** The text and parameters of a query: the link, the pieces of rollups, `others`, and the bounds of what is counted click by click. */
function reading(
  textOf: (singles: readonly Singles[], units: ReadonlySet<Unit>, shifts: readonly Shifts[]) => string,
  linkId: string,
  wanted: readonly Piece[],
  others: readonly unknown[],
): [string, unknown[]] {
  const unshifted = wanted.filter(({ shift }) => !shift);
  const counted = unshifted.filter(({ unit }) => unit !== 'click');
  const clicks = unshifted.filter(({ unit }) => unit === 'click');
  const values: unknown[] = [linkId, ...columnsOf(counted), ...others];
  const parameter = (value: unknown, type: string): string => `$${values.push(value)}::${type}`;
  const time = (at: number): string => parameter(timestampOf(at), 'timestamptz');
  const singles = clicks.map(({ from, until, less }) => ({
    sign: less ? ('-' as const) : ('+' as const),
    from: time(from),
    until: time(until),
  }));
  const shifts = (['minute', 'click'] as const).flatMap((unit): Shifts[] => {
    const shifted = wanted.filter((piece) => piece.unit === unit && piece.shift);
    if (shifted.length === 0) return [];
    const [, froms, untils, signs] = columnsOf(shifted);
    const bounds = { from: time(Math.min(...froms)), until: time(Math.max(...untils)) };
    const moments = [
      froms,
      untils,
      signs,
      ...(['from', 'to'] as const).map((end) => shifted.map(({ shift }) => shift?.[end])),
    ];
    return [{ unit, columns: moments.map((column) => parameter(column, 'bigint[]')), bounds }];
  });
  return [textOf(singles, new Set(unshifted.map(({ unit }) => unit)), shifts), values];
}

/** In Postgres's format, with the microseconds that a Date lacks. */
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
