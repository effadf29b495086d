import type { Pool } from 'pg';
import { inTransaction } from '#runtime/postgres/pool.ts';
import type { EraseStore } from '../store.ts';

/**
 * Held, shared, by every transaction that stores clicks, from before it checks who is erased. A run that gets it exclusively after an
 * erasure was recorded knows that every transaction still running has seen that.
 */
export const takersLock = "hashtextextended('hopline takers of clicks', 0)";

/** The tables with data of a link, each with the column after link_id in its key. click_totals comes last: it is how a link is found again. */
const kept = [
  ['clicks', 'at'],
  ['visitors', 'visitor'],
  ['click_minutes', 'at'],
  ['click_hours', 'at'],
  ['click_days', 'at'],
  // Before the tables that they are merged into.
  ['click_value_deltas', 'at'],
  ['click_hour_values', 'at'],
  ['click_day_values', 'at'],
  ['live_clicks', 'seq'],
  ['watched_links', 'watcher'],
] as const;
const defaultBatch = 5_000;

/** What is deleted from a link's hours is subtracted from the workspace. */
const withoutHours = (deletion: string): string => `
with gone as (${deletion} returning at, clicks, visitors, bots, bot_visitors), less as (
  insert into click_workspace_hours as r (workspace_id, at, source, clicks, visitors, bots, bot_visitors)
  select t.workspace_id, g.at, -1, -g.clicks, -g.visitors, -g.bots, -g.bot_visitors
  from gone g, click_totals t where t.link_id = $1 and g.clicks + g.bots > 0 order by g.at
  on conflict (workspace_id, at, source) do update set clicks = r.clicks + excluded.clicks,
    visitors = r.visitors + excluded.visitors, bots = r.bots + excluded.bots,
    bot_visitors = r.bot_visitors + excluded.bot_visitors
)
select from gone`;

/** What a run did, and what failed, by the id of the link or workspace. */
interface Run {
  readonly done: Awaited<ReturnType<EraseStore['run']>>;
  readonly faults: ReadonlyMap<string, unknown>;
}

/** `asking`: the pool for recording requests, which a run does not block. Default: the same. */
export function postgresEraseStore(
  pool: Pool,
  { asking = pool, batch = defaultBatch }: { asking?: Pool; batch?: number } = {},
): EraseStore {
  const runShared = oneByOne(() => runErasures(pool, batch));
  return {
    async ask({ linkIds, workspaceIds }) {
      for (const [table, column, ids] of [
        ['erased_links', 'link_id', linkIds],
        ['erased_workspaces', 'workspace_id', workspaceIds],
      ] as const) {
        await asking.query(
          `insert into ${table} (${column}) select distinct id from unnest($1::uuid[]) as id order by id
           on conflict (${column}) do update set done_at = null`,
          [ids],
        );
      }
    },
    async run(ids) {
      const { done, faults } = await runShared();
      // A failure of somebody else's request is reported to them.
      const failed = (ids?.map((id) => id.toLowerCase()) ?? [...faults.keys()]).find((id) => faults.has(id));
      if (failed !== undefined) throw faults.get(failed);
      return done;
    },
  };
}

async function runErasures(pool: Pool, batch: number): Promise<Run> {
  const { links, workspaces } = await findPending(pool);
  let clicks = 0;
  const faults = new Map<string, unknown>();
  /** One that cannot be erased now must not hold up the ones after it. */
  const each = async (ids: readonly string[], erase: (id: string) => Promise<number>, done: string) => {
    for (const id of ids) {
      try {
        clicks += await erase(id);
        await pool.query(done, [id]);
      } catch (error) {
        faults.set(id, error);
      }
    }
  };
  await each(links, (id) => eraseLink(pool, batch, id), 'update erased_links set done_at = now() where link_id = $1');
  await each(
    workspaces,
    (id) => eraseWorkspace(pool, batch, id),
    'update erased_workspaces set done_at = now() where workspace_id = $1',
  );
  return { done: { links: links.length, workspaces: workspaces.length, clicks }, faults };
}

/** What was requested and is not done. Exclusive for a moment: a transaction that stores clicks from here on sees all earlier requests. */
async function findPending(pool: Pool): Promise<{ links: readonly string[]; workspaces: readonly string[] }> {
  return inTransaction(pool, async (client) => {
    const links = await client.query<{ id: string }>('select link_id as id from erased_links where done_at is null');
    const workspaces = await client.query<{ id: string }>(
      'select workspace_id as id from erased_workspaces where done_at is null',
    );
    if (links.rows.length + workspaces.rows.length > 0) {
      await client.query("set local lock_timeout = '2s'");
      await client.query(`select pg_advisory_xact_lock(${takersLock})`);
    }
    return { links: links.rows.map(({ id }) => id), workspaces: workspaces.rows.map(({ id }) => id) };
  });
}

/** Returns how many clicks there were. */
async function eraseLink(pool: Pool, batch: number, linkId: string): Promise<number> {
  let erased = 0;
  for (const [table, key] of kept) {
    for (;;) {
      const deletion = `delete from ${table} where link_id = $1 and ${key} <= (
          select ${key} from (select ${key} from ${table} where link_id = $1 order by ${key} limit $2) s
          order by ${key} desc limit 1)`;
      const statement = table === 'click_hours' ? withoutHours(deletion) : deletion;
      const { rowCount } = await pool.query(statement, [linkId, batch]);
      if (table === 'clicks') erased += rowCount ?? 0;
      if (!rowCount && !(await isLeft(pool, table, linkId))) break;
    }
  }
  await pool.query('delete from click_totals where link_id = $1', [linkId]);
  return erased;
}

/**
 * Deleting nothing does not mean that nothing is there: another erasing process may have had the same rows locked, and may die before it
 * gets to the others.
 */
async function isLeft(pool: Pool, table: string, linkId: string): Promise<boolean> {
  const { rows } = await pool.query<{ left: boolean }>(
    `select exists (select from ${table} where link_id = $1) as left`,
    [linkId],
  );
  return rows[0]?.left ?? false;
}

async function eraseWorkspace(pool: Pool, batch: number, workspaceId: string): Promise<number> {
  let erased = 0;
  for (;;) {
    const { rows } = await pool.query<{ link_id: string }>(
      'select link_id from click_totals where workspace_id = $1 limit 100',
      [workspaceId],
    );
    for (const { link_id } of rows) erased += await eraseLink(pool, batch, link_id);
    if (rows.length === 0) break;
  }
  await pool.query('delete from click_workspace_hours where workspace_id = $1', [workspaceId]);
  return erased;
}

/** One run at a time: callers during a run share the next, which includes everything requested by then. */
function oneByOne<Result>(run: () => Promise<Result>): () => Promise<Result> {
  let current: Promise<Result> | undefined;
  let next: Promise<Result> | undefined;
  const start = (): Promise<Result> => {
    current = run().finally(() => {
      current = undefined;
    });
    return current;
  };
  return () => {
    if (!current) return start();
    next ??= current
      .catch(() => {})
      .then(() => {
        next = undefined;
        return start();
      });
    return next;
  };
}
