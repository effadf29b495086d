import type { Pool } from 'pg';
import { currentPrimary } from '#runtime/postgres/primary.ts';
import type { ClickRow, LiveDelivery, LivePositions, LiveStore } from '../store.ts';

/** As written by store-delivery.postgres.ts. */
type LiveClick = [
  at: number,
  flags: number,
  country: string,
  region: string,
  city: string,
  device: string,
  browser: string,
  operatingSystem: string,
  referrer: string,
  language: string,
  /** Absent when written by an older process. */
  tier?: number,
];

interface Row {
  primary: string;
  /** Null: there is nothing new, and the rest of the row is empty. */
  seq: number | null;
  source: string;
  link_id: string;
  total: number;
  clicks: LiveClick[];
}

const mostRows = 1_000;

const primary = `select ${currentPrimary} as primary`;

const positionsOf = `
select p.primary, l.* from (${primary}) p
left join (select source, max(seq)::float8 as seq from live_clicks group by source) l on true`;

const deliveriesSince = `
select p.primary, l.* from (${primary}) p
left join (
  select l.seq::float8 as seq, l.source, l.link_id, l.total, l.clicks
  from live_clicks l left join unnest($1::text[], $2::bigint[]) as p (source, seq) using (source)
  where l.seq > coalesce(p.seq, 0) order by l.seq limit ${mostRows}
) l on true order by l.seq`;

/** On the primary: a replica may lack what was just counted. */
export function postgresLiveStore(pool: Pool): LiveStore {
  return {
    async watch(watcher, linkIds, leaseMs) {
      await pool.query(
        `insert into watched_links (link_id, watcher, until)
         select id, $1, now() + $3 * interval '1 millisecond' from unnest($2::uuid[]) as id order by id
         on conflict (link_id, watcher) do update set until = excluded.until`,
        [watcher, [...new Set(linkIds)], leaseMs],
      );
    },

    async livePositions() {
      const { rows } = await pool.query<Pick<Row, 'primary' | 'source' | 'seq'>>(positionsOf);
      return positionsAfter(rows);
    },

    async liveSince(positions) {
      const { sources } = positions;
      const { rows } = await pool.query<Row>(deliveriesSince, [[...sources.keys()], [...sources.values()]]);
      const after = positionsAfter(rows, sources);
      if (after.primary !== positions.primary) return 'replaced';
      const deliveries = rows.filter(({ seq }) => seq !== null).map(deliveryOf);
      return { deliveries, positions: after, more: deliveries.length === mostRows };
    },

    async forgetLive(olderThanMs) {
      const limit = "now() - $1 * interval '1 millisecond'";
      await pool.query(`delete from live_clicks where stored_at < ${limit}`, [olderThanMs]);
      await pool.query(`delete from watched_links where until < ${limit}`, [olderThanMs]);
    },
  };
}

function positionsAfter(
  rows: readonly Pick<Row, 'primary' | 'source' | 'seq'>[],
  before: LivePositions['sources'] = new Map(),
): LivePositions {
  const sources = new Map(before);
  for (const { source, seq } of rows) if (seq !== null) sources.set(source, seq);
  return { primary: rows[0]?.primary ?? '', sources };
}

function deliveryOf({ link_id: linkId, total, clicks }: Row): LiveDelivery {
  return { linkId, total, clicks: clicks.map(clickOf) };
}

function clickOf(click: LiveClick): ClickRow {
  const [at, flags, country, region, city, device, browser, operatingSystem, referrer, language, tier = 0] = click;
  return { at, flags, country, region, city, device, browser, operatingSystem, referrer, language, tier };
}
