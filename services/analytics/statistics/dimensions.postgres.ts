import { ClickFlag } from '#gen/event/v1/click_pb.ts';
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

/** (number, value) of each dimension of the click c, as the breakdowns hold them: what ingest/rollup-deltas.ts counts, in SQL. */
export const dimensionRows = dimensions
  .map((dimension, index) => `(${index + 1}::smallint, ${valueBy[dimension]})`)
  .join(', ');

/** What each dimension of the click c is made of. */
const columnsBy: Readonly<Record<(typeof dimensions)[number], readonly [string, ...string[]]>> = {
  referrer: ['c.referrer_host'],
  country: ['c.country'],
  city: ['c.city', 'c.region', 'c.country'],
  device: ['c.device'],
  browser: ['c.browser'],
  operating_system: ['c.operating_system'],
  language: ['c.language'],
};

export const dimensionColumns = [...new Set(dimensions.flatMap((name) => columnsBy[name]))].join(', ');

/** Grouping sets that add up each dimension by itself, in one pass. A city's name is made once for each, not for each click. */
export const dimensionSets = dimensions.map((name) => `(${columnsBy[name].join(', ')})`).join(', ');
/** The country is in the city's set, too: it is asked for the city first. */
const cityFirst = dimensions.toSorted((a, b) => columnsBy[b].length - columnsBy[a].length);
const ofSet = (what: (name: (typeof dimensions)[number]) => string): string =>
  `case ${cityFirst.map((name) => `when grouping(${columnsBy[name][0]}) = 0 then ${what(name)}`).join(' ')} end`;
export const dimensionOfSet = `(${ofSet((name) => String(dimensions.indexOf(name) + 1))})::smallint`;
export const valueOfSet = ofSet((name) => valueBy[name]);

/** Which of the counters a click belongs to: one and only one, as counterOf (ingest/rollup-deltas.ts) has it. */
export const kindOf = `case when flags & ${ClickFlag.HEAD} <> 0 then 'head' when flags & ${ClickFlag.PREFETCH} <> 0 then 'prefetch'
  when flags & ${ClickFlag.BOT} <> 0 then 'bot' else 'click' end`;

/** Of people and bots, which breakdowns count. */
export const isCounted = `c.flags & ${ClickFlag.HEAD | ClickFlag.PREFETCH} = 0`;
/** Of those that are counted. */
export const isBot = `c.flags & ${ClickFlag.BOT} <> 0`;

/** Anyone who follows a link can make these up. Of a link and day so many values of each are named; the others are one. */
const madeUp = ['referrer', 'language'] as const satisfies readonly (typeof dimensions)[number][];
export const mostNamed = 200;
/** No host and no language: brackets are in neither. */
export const others = '[other]';

export const isMadeUp = (dimension: string): string =>
  `${dimension} in (${madeUp.map((name) => dimensions.indexOf(name) + 1).join(', ')})`;

interface Named {
  readonly link: string;
  /** When the UTC day begins. */
  readonly day: string;
  readonly dimension: string;
  readonly value: string;
}

/** A row of the day has it. limit 1 keeps the planner from a join over the whole table. */
export const isNamed = ({ link, day, dimension, value }: Named): string => `(
  select true from click_day_values n
  where n.link_id = ${link} and n.at = ${day} and n.dimension = ${dimension} and n.value = ${value} limit 1
) is not null`;

/** What a value that was not merged yet is counted under: a day that has others names no more than it does. */
export const nameOf = (named: Named): string => `case when ${isMadeUp(named.dimension)}
  and ${isNamed({ ...named, value: `'${others}'` })} and not (${isNamed(named)}) then '${others}' else ${named.value} end`;
