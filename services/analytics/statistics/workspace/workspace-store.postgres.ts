import type { Pool } from 'pg';
import type { Replicas } from '#runtime/postgres/replicas.ts';
import { moment, pieces } from '../stats-points.postgres.ts';
import { type CountsRow, columnsOf, countsOf, type Query } from '../stats-store.postgres.ts';
import type { LinkShare, WorkspaceCountsStore, WorkspaceReader, WorkspaceStore } from './workspace-store.ts';

const sums = `sum(clicks)::float8 as clicks, sum(visitors)::float8 as visitors, sum(bots)::float8 as bots,
  sum(bot_visitors)::float8 as bot_visitors`;

const pointsOf = `
with cuts as (
  select array_agg(${moment('us')} order by us) as all_cuts from unnest($4::bigint[]) as us
)
select greatest(width_bucket(at, all_cuts) - 1, 0) as point, ${sums}
from click_workspace_hours, cuts
where workspace_id = $1 and at >= ${moment('$2::bigint')} and at < ${moment('$3::bigint')}
group by point`;

/** How many links of a workspace are examined. */
const mostLinks = 50_000;

// A link that was not followed since the range began is left out before any day is read. The offset keeps the planner from joining whole
// tables: each link is one or a few short index scans.
const topLinksOf = `
with ${pieces}, candidates as materialized (
  select link_id from click_totals
  where workspace_id = $1 and (last_click_at >= (select min(lower) from pieces) or ($6 and bots > 0))
  order by clicks + case when $6 then bots else 0 end desc limit ${mostLinks}
), counted as (
  select c.link_id, sum(r.sign * (r.clicks + case when $6 then r.bots else 0 end))::float8 as clicks,
    sum(r.sign * (r.visitors + case when $6 then r.bot_visitors else 0 end))::float8 as visitors
  from candidates c cross join lateral (
    select p.sign, r.* from pieces p join click_days r on r.link_id = c.link_id and r.at >= p.lower and r.at < p.upper
    where p.unit = 'day'
    union all
    select p.sign, r.* from pieces p join click_hours r on r.link_id = c.link_id and r.at >= p.lower and r.at < p.upper
    where p.unit = 'hour'
    offset 0
  ) r group by c.link_id
)
select link_id, clicks, visitors, (count(*) over ())::float8 as links
from counted where clicks > 0 order by clicks desc, link_id limit $7`;

const countsSince = `
select ${sums.replaceAll('sum(', 'sum(h.')}
from unnest($1::uuid[], $2::bigint[]) with ordinality as a (workspace_id, since_us, place)
left join click_workspace_hours h on h.workspace_id = a.workspace_id and h.at >= ${moment('a.since_us')}
group by a.place order by a.place`;

/** The queries of workspaces. */
export function postgresWorkspaceStore(reads: Pick<Replicas, 'snapshot'>): WorkspaceStore {
  return {
    snapshot: (read) => reads.snapshot((client) => read(readerOf((text, values) => client.query(text, values)))),
  };
}

function readerOf(query: Query): WorkspaceReader {
  return {
    async points(workspaceId, { from, until }, cuts) {
      const { rows } = await query<CountsRow & { point: number }>(pointsOf, [workspaceId, from, until, cuts]);
      return rows.map((row) => ({ point: row.point, ...countsOf(row) }));
    },

    async topLinks(workspaceId, wanted, { bots, limit }) {
      const values = [workspaceId, ...columnsOf(wanted), bots, limit];
      const { rows } = await query<{ link_id: string; clicks: number; visitors: number; links: number }>(
        topLinksOf,
        values,
      );
      const top = rows.map(({ link_id: linkId, clicks, visitors }): LinkShare => ({ linkId, clicks, visitors }));
      return { top, links: rows[0]?.links ?? 0 };
    },
  };
}

export function postgresWorkspaceCounts(pool: Pool): WorkspaceCountsStore {
  return {
    async countsSince(asked) {
      const { rows } = await pool.query<{ [Column in keyof CountsRow]: number | null }>(countsSince, [
        asked.map(({ workspaceId }) => workspaceId),
        asked.map(({ sinceUs }) => sinceUs),
      ]);
      return rows.map((row) => ({
        clicks: row.clicks ?? 0,
        visitors: row.visitors ?? 0,
        bots: row.bots ?? 0,
        botVisitors: row.bot_visitors ?? 0,
      }));
    },
  };
}
