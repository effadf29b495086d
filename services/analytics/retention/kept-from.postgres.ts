/**
 * Since when clicks or counts by minute are kept, as a column in microseconds since 1970: whatever the retention is now, what it was before
 * has dropped the rest. Null if the day is in the future: it was recorded by a wrong clock, and says nothing.
 */
export const keptFrom = (what: 'clicks' | 'minutes'): string => `(
  select extract(epoch from ${what}_from)::float8 * 1e6 from click_retention where ${what}_from < now() - interval '2 days'
)`;

/** To be run before anything of the days before these, the parameters, is dropped. */
export const recordDropped = `
update click_retention set clicks_from = greatest(clicks_from, $1::date), minutes_from = greatest(minutes_from, $2::date)
where clicks_from < $1::date or minutes_from < $2::date`;
