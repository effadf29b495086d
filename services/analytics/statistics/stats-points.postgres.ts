import type { Unit } from './cover.ts';
import { kindOf } from './dimensions.postgres.ts';

export const moment = (column: string): string => `'epoch'::timestamptz + ${column} * interval '1 microsecond'`;

/** What to read from the rollups, from columnsOf: the parameters after the link. */
export const pieces = `
pieces as (
  select unit, ${moment('from_us')} as lower, ${moment('until_us')} as upper, sign
  from unnest($2::text[], $3::bigint[], $4::bigint[], $5::int[]) as p (unit, from_us, until_us, sign)
)`;

export function rollup(table: string, unit: Unit, keys: string, counts: readonly string[]): string {
  return `
  select ${keys}, ${signed(counts)} from pieces p join ${table} r on r.link_id = $1 and r.at >= p.lower and r.at < p.upper
  where p.unit = '${unit}'`;
}

const signed = (counts: readonly string[]): string => counts.map((name) => `p.sign * r.${name} as ${name}`).join(', ');

/** Clicks that are counted one by one, where no rollup fits: their sign, and the parameters of their bounds. */
export interface Singles {
  readonly sign: '+' | '-';
  readonly from: string;
  readonly until: string;
}
type Bounds = Omit<Singles, 'sign'>;

const dayOf = (at: string): string => `(${at} at time zone 'UTC')::date`;

/**
 * Whether its visitor was first seen with this click. Clicks stored by older processes do not say, which costs a look-up each. The days are
 * repeated for the planner, which would otherwise plan for some four hundred.
 */
const isNew = ({ from, until }: Bounds): string => `coalesce(c.new_visitor, exists (
  select from visitors v where v.link_id = c.link_id and v.visitor = c.visitor and v.day = ${dayOf('c.at')}
    and v.day >= ${dayOf(from)} and v.day <= ${dayOf(until)} and v.at = c.at and v.request_id = c.request_id
))`;

/** Bounds are parameters of the column's type, not rows or sums, so that the planner knows which days are read, and how much of each. */
export const clicksOf = (columns: string, bounds: Bounds): string => `
  select ${columns}, c.flags, ${isNew(bounds)} as is_new
  from clicks c where c.link_id = $1 and c.at >= ${bounds.from} and c.at < ${bounds.until}`;

export const valueCounts = ['clicks', 'visitors', 'bots', 'bot_visitors'] as const;
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

/** Shifts of one unit: parameters, one per column, and the range in which all of them lie. */
export interface Shifts {
  readonly unit: Unit;
  readonly columns: readonly string[];
  readonly bounds: Bounds;
}

const minutesOf = ({ from, until }: Bounds): string => `
  select at, ${pointCounts.join(', ')} from click_minutes where link_id = $1 and at >= ${from} and at < ${until}`;

/** Each is summed separately, then added at one moment and subtracted at the other; in one branch, however many there are. */
const shiftedPoints = ({ unit, columns, bounds }: Shifts): string => `
  select ${moment('m.us')}, ${pointCounts.map((name) => `m.sign * s.${name}`).join(', ')}
  from unnest(${columns.join(', ')}) as p (from_us, until_us, sign, shift_from_us, shift_to_us)
  cross join lateral (
    select ${pointCounts.map((name) => `coalesce(sum(r.${name}), 0) as ${name}`).join(', ')}
    from (${unit === 'minute' ? minutesOf(bounds) : singlePoints({ sign: '+', ...bounds })}) as r (at, ${pointCounts.join(', ')})
    where r.at >= ${moment('p.from_us')} and r.at < ${moment('p.until_us')}
  ) s
  cross join lateral (values (p.shift_to_us, p.sign), (p.shift_from_us, -p.sign)) as m (us, sign)`;

/** Tables without a piece are not even planned for. */
export const pointsOf = (singles: readonly Singles[], units: ReadonlySet<Unit>, shifts: readonly Shifts[]): string => `
with ${pieces}, rows as (
  ${[
    `select null::timestamptz as at, ${pointCounts.map((name) => `0 as ${name}`).join(', ')} where false`,
    ...rollups.filter(({ unit }) => units.has(unit)).map(({ table, unit }) => rollup(table, unit, 'r.at', pointCounts)),
    ...singles.map(singlePoints),
    ...shifts.map(shiftedPoints),
  ].join(' union all ')}
), starts as (
  select array_agg(${moment('us')} order by us) as all_starts from unnest($6::bigint[]) as us
)
select greatest(width_bucket(at, all_starts) - 1, 0) as point,
  sum(clicks)::float8 as clicks, sum(visitors)::float8 as visitors, sum(bots)::float8 as bots,
  sum(bot_visitors)::float8 as bot_visitors, sum(heads)::float8 as heads, sum(prefetches)::float8 as prefetches
from rows, starts group by point`;
