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

/** (number, value) of each dimension of the click c, as the breakdowns hold them: what tally.ts counts, in SQL. */
export const dimensionRows = dimensions
  .map((dimension, index) => `(${index + 1}::smallint, ${valueBy[dimension]})`)
  .join(', ');

/** The dimensions of the click c, each a column of its name. */
export const dimensionColumns = dimensions.map((dimension) => `${valueBy[dimension]} as ${dimension}`).join(', ');

/** Which of the counters a click belongs to: one and only one. HEAD 2, prefetch 4, bot 1 (hop.event.v1.ClickFlag). */
export const kindOf =
  "case when flags & 2 <> 0 then 'head' when flags & 4 <> 0 then 'prefetch' when flags & 1 <> 0 then 'bot' else 'click' end";
