// How long the statistics of a link with ten million clicks take, by range, as a client of the API sees it.
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { layoutOf } from '../../../compose/local/layout.ts';
import { asSuperuser } from '../../../compose/local/postgres/postgres.ts';
import { keepSecrets } from '../../../compose/local/secrets.ts';
import type { Bench } from '../measure.ts';
import { median } from '../statistics.ts';
import { CUT_DAYS, DAY, queryOf, type Range, rangesFrom } from './ranges.ts';
import { type BusyLink, DAYS, firstDay, storeTenMillion } from './ten-million.ts';

const ASKED = 20;
/** Asked before that and not shown: connections, plans and pages that nobody has touched yet. */
const WARM = 3;
const TIMEOUT_MS = 10_000;
const REPLICA_LIMIT_MS = 60_000;
const LOOK_MS = 100;
/** The mesh does what is left of its start, and Postgres of its checkpoint. */
const SETTLE_MS = 5_000;

export interface RangeFigures {
  readonly name: string;
  /** Of people, in the range. */
  readonly clicks: number;
  readonly bestMs: number;
  readonly medianMs: number;
  readonly worstMs: number;
}

export interface LinkStatisticsFigures {
  readonly asked: number;
  readonly ranges: readonly RangeFigures[];
}

export async function measureLinkStatistics({ subject, say }: Bench): Promise<LinkStatisticsFigures> {
  const { passwords } = keepSecrets(layoutOf(subject.mesh.dir));
  return asSuperuser(
    passwords,
    subject.mesh.ports.postgres,
    async (db) => {
      const firstMs = firstDay(Date.now());
      const link = await makeOld(db, subject.codes[0] as string, firstMs);
      say(`ten million clicks of ${link.code} are stored`);
      await storeTenMillion(db, link, firstMs, CUT_DAYS);
      await db.query('checkpoint');
      await replicaHasAll(db);
      await sleep(SETTLE_MS);
      const ranges: RangeFigures[] = [];
      for (const range of rangesFrom(firstMs * 1_000)) {
        const clicks = await clicksIn(db, link, firstMs * 1_000, range);
        const figures = await ask(subject, link, range, clicks);
        say(JSON.stringify(figures));
        ranges.push(figures);
      }
      return { asked: ASKED, ranges };
    },
    'hopline',
  );
}

async function makeOld(db: pg.Client, code: string, firstMs: number): Promise<BusyLink> {
  const { rows } = await db.query<BusyLink>(
    `update link.links set created_at = $2 where domain = 'localhost' and code = $1
     returning id, workspace_id as "workspaceId", code`,
    [code, new Date(firstMs)],
  );
  if (!rows[0]) throw new Error(`There is no link ${code}.`);
  return rows[0];
}

/** Statistics are read from the replica. */
async function replicaHasAll(db: pg.Client): Promise<void> {
  const limit = Date.now() + REPLICA_LIMIT_MS;
  const { rows } = await db.query<{ written: string }>('select pg_current_wal_lsn() as written');
  for (;;) {
    const replayed = await db.query('select from pg_stat_replication where replay_lsn >= $1', [rows[0]?.written]);
    if (replayed.rowCount) return;
    if (Date.now() > limit) throw new Error('The replica did not follow.');
    await sleep(LOOK_MS);
  }
}

/** Of the minutes, and of the clicks where an end cuts one: another way than the service's. */
async function clicksIn(db: pg.Client, { id }: BusyLink, first: number, range: Range): Promise<number> {
  const { rows } = await db.query<{ clicks: number }>(
    `with range as (
       select 'epoch'::timestamptz + $2 * interval '1 us' as lower, 'epoch'::timestamptz + $3 * interval '1 us' as upper
     ), whole as (
       select lower, upper, date_bin('1 min', lower + interval '1 min' - interval '1 us', 'epoch') as first, date_bin('1 min', upper, 'epoch') as last
       from range
     )
     select ((select coalesce(sum(m.clicks), 0) from analytics.click_minutes m where m.link_id = $1 and m.at >= first and m.at < last)
       + (select count(*) from analytics.clicks c where c.link_id = $1 and c.flags = 0
          and (c.at >= lower and c.at < first or c.at >= last and c.at < upper)))::float8 as clicks
     from whole`,
    [id, range.from ?? first, range.until ?? first + DAYS * DAY],
  );
  return rows[0]?.clicks ?? 0;
}

async function ask(
  { mesh, apiKey }: Bench['subject'],
  { code }: BusyLink,
  range: Range,
  clicks: number,
): Promise<RangeFigures> {
  const url = `${mesh.url}/api/v1/urls/${code}/stats?${queryOf(range)}`;
  const took: number[] = [];
  for (let time = -WARM; time < ASKED; time++) {
    const startedAt = performance.now();
    const response = await fetch(url, {
      headers: { authorization: `Bearer ${apiKey}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    if (time >= 0) took.push(performance.now() - startedAt);
    if (response.status !== 200) throw new Error(`GET ${url}: ${response.status} ${text}`);
    const answer = JSON.parse(text) as { clicks: number };
    if (answer.clicks !== clicks) throw new Error(`${range.name}: ${answer.clicks} clicks, there are ${clicks}.`);
  }
  return { name: range.name, clicks, bestMs: Math.min(...took), medianMs: median(took), worstMs: Math.max(...took) };
}
