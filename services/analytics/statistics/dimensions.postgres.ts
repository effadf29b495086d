import { ClickFlag } from '#gen/event/v1/click_pb.ts';
import { type Dimension, dimensions, numberOf } from './dimensions.ts';

/** There is a Springfield in every other state. */
const cityWithPlace =
  "case when c.city = '' then '' else concat_ws(', ', c.city, nullif(c.region, ''), nullif(c.country, '')) end";

const valueBy: Readonly<Record<Dimension, string>> = {
  referrer: 'c.referrer_host',
  country: 'c.country',
  city: cityWithPlace,
  device: 'c.device',
  browser: 'c.browser',
  operating_system: 'c.operating_system',
  language: 'c.language',
};

/** (number, value) of each dimension of the click c, as stored in the breakdowns: the SQL version of ingest/rollup-deltas.ts. */
export const dimensionRows = dimensions
  .map((dimension) => `(${numberOf(dimension)}::smallint, ${valueBy[dimension]})`)
  .join(', ');

/** The columns that make up each dimension of the click c. */
const columnsBy: Readonly<Record<Dimension, readonly [string, ...string[]]>> = {
  referrer: ['c.referrer_host'],
  country: ['c.country'],
  city: ['c.city', 'c.region', 'c.country'],
  device: ['c.device'],
  browser: ['c.browser'],
  operating_system: ['c.operating_system'],
  language: ['c.language'],
};

export const dimensionColumns = [...new Set(dimensions.flatMap((name) => columnsBy[name]))].join(', ');

/** Grouping sets that sum up each dimension separately, in one pass. A city's name is built once per city, not per click. */
export const dimensionSets = dimensions.map((name) => `(${columnsBy[name].join(', ')})`).join(', ');
/** The country is also in the city's set, so the city is tested first. */
const cityFirst = dimensions.toSorted((a, b) => columnsBy[b].length - columnsBy[a].length);
const ofSet = (what: (name: Dimension) => string): string =>
  `case ${cityFirst.map((name) => `when grouping(${columnsBy[name][0]}) = 0 then ${what(name)}`).join(' ')} end`;
export const dimensionOfSet = `(${ofSet((name) => String(numberOf(name)))})::smallint`;
export const valueOfSet = ofSet((name) => valueBy[name]);

/** Which counter a click belongs to: exactly one, as in counterOf (ingest/rollup-deltas.ts). */
export const kindOf = `case when flags & ${ClickFlag.HEAD} <> 0 then 'head' when flags & ${ClickFlag.PREFETCH} <> 0 then 'prefetch'
  when flags & ${ClickFlag.BOT} <> 0 then 'bot' else 'click' end`;

/** People and bots, which breakdowns count. */
export const isCounted = `c.flags & ${ClickFlag.HEAD | ClickFlag.PREFETCH} = 0`;
/** For those that are counted. */
export const isBot = `c.flags & ${ClickFlag.BOT} <> 0`;

/** Anyone who follows a link can invent these. Only a limited number of values is named per link and day; the others are combined. */
const madeUp = ['referrer', 'language'] as const satisfies readonly Dimension[];
export const mostNamed = 200;
/** Neither a host nor a language: brackets occur in neither. */
export const others = '[other]';

export const isMadeUp = (dimension: string): string => `${dimension} in (${madeUp.map(numberOf).join(', ')})`;

interface Named {
  readonly link: string;
  /** The start of the UTC day. */
  readonly day: string;
  readonly dimension: string;
  readonly value: string;
}

/** Whether a row of the day has it. limit 1 keeps the planner from a join over the whole table. */
export const isNamed = ({ link, day, dimension, value }: Named): string => `(
  select true from click_day_values n
  where n.link_id = ${link} and n.at = ${day} and n.dimension = ${dimension} and n.value = ${value} limit 1
) is not null`;

/** The name under which an unmerged value is counted: a day that has `others` names no further values. */
export const nameOf = (named: Named): string => `case when ${isMadeUp(named.dimension)}
  and ${isNamed({ ...named, value: `'${others}'` })} and not (${isNamed(named)}) then '${others}' else ${named.value} end`;
