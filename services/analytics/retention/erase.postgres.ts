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

/** What a run did, what it has not finished, and what failed, by the id of the link or workspace. */
interface Run {
  readonly done: Awaited<ReturnType<EraseStore['run']>>;
  readonly left: ReadonlySet<string>;
  readonly faults: ReadonlyMap<string, unknown>;
}

/** Erases one link or workspace until its turn is over. */
type Erase = (
  pool: Pool,
  turn: { readonly batch: number; readonly until: number },
  id: string,
) => Promise<{ readonly clicks: number; readonly isDone: boolean }>;

interface EraseOptions {
  /** The pool for recording requests, which a run does not block. Default: the same. */
  readonly asking?: Pool;
  /** Rows of one statement. */
  readonly batch?: number;
  /** How long a run erases one link or workspace before it goes on to the next: a large one takes hours, and others wait for theirs. */
  readonly turnMs?: number;
}

export function postgresEraseStore(
  pool: Pool,
  { asking = pool, batch = defaultBatch, turnMs = 5_000 }: EraseOptions = {},
): EraseStore {
  const announced = new Set<string>();
  const runShared = oneByOne(() => runErasures(pool, { batch, turnMs }, announced));
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
      const own = ids?.map((id) => id.toLowerCase());
      const all = { links: 0, workspaces: 0, clicks: 0 };
      for (;;) {
        const { done, left, faults } = await runShared();
        for (const what of ['links', 'workspaces', 'clicks'] as const) all[what] += done[what];
        const asked = own ?? [...left, ...faults.keys()];
        if (asked.some((id) => left.has(id))) continue;
        // A failure of somebody else's request is reported to them.
        const failed = asked.find((id) => faults.has(id));
        if (failed !== undefined) throw faults.get(failed);
        return all;
      }
    },
  };
}

async function runErasures(
  pool: Pool,
  { batch, turnMs }: Required<Pick<EraseOptions, 'batch' | 'turnMs'>>,
  announced: Set<string>,
): Promise<Run> {
  const { links, workspaces } = await findPending(pool, announced);
  const done = { links: 0, workspaces: 0, clicks: 0 };
  const left = new Set<string>();
  const faults = new Map<string, unknown>();
  /** One that cannot be erased now must not hold up the ones after it. */
  const each = async (what: 'links' | 'workspaces', ids: readonly string[], erase: Erase, finish: string) => {
    for (const id of ids) {
      try {
        const { clicks, isDone } = await erase(pool, { batch, until: performance.now() + turnMs }, id);
        done.clicks += clicks;
        if (isDone) {
          await pool.query(finish, [id]);
          done[what]++;
        } else left.add(id);
      } catch (error) {
        faults.set(id, error);
      }
    }
  };
  await each('links', links, eraseLink, 'update erased_links set done_at = now() where link_id = $1');
  await each(
    'workspaces',
    workspaces,
    eraseWorkspace,
    'update erased_workspaces set done_at = now() where workspace_id = $1',
  );
  return { done, left, faults };
}

/**
 * What was requested and is not done. Exclusive for a moment: a transaction that stores clicks from here on sees all earlier requests. Only
 * for those not announced before, because for that moment nothing is stored.
 */
async function findPending(
  pool: Pool,
  announced: Set<string>,
): Promise<{ links: readonly string[]; workspaces: readonly string[] }> {
  const pending = await inTransaction(pool, async (client) => {
    const links = await client.query<{ id: string }>('select link_id as id from erased_links where done_at is null');
    const workspaces = await client.query<{ id: string }>(
      'select workspace_id as id from erased_workspaces where done_at is null',
    );
    const found = { links: links.rows.map(({ id }) => id), workspaces: workspaces.rows.map(({ id }) => id) };
    if ([...found.links, ...found.workspaces].some((id) => !announced.has(id))) {
      await client.query("set local lock_timeout = '2s'");
      await client.query(`select pg_advisory_xact_lock(${takersLock})`);
    }
    return found;
  });
  announced.clear();
  for (const id of [...pending.links, ...pending.workspaces]) announced.add(id);
  return pending;
}

/** How many clicks there were until its time was over; `isDone`: nothing is left. */
const eraseLink: Erase = async (pool, { batch, until }, linkId) => {
  let clicks = 0;
  for (const [table, key] of kept) {
    for (;;) {
      const deletion = `delete from ${table} where link_id = $1 and ${key} <= (
          select ${key} from (select ${key} from ${table} where link_id = $1 order by ${key} limit $2) s
          order by ${key} desc limit 1)`;
      const statement = table === 'click_hours' ? withoutHours(deletion) : deletion;
      const { rowCount } = await pool.query(statement, [linkId, batch]);
      if (table === 'clicks') clicks += rowCount ?? 0;
      if (!rowCount && !(await isLeft(pool, table, linkId))) break;
      if (performance.now() >= until) return { clicks, isDone: false };
    }
  }
  await pool.query('delete from click_totals where link_id = $1', [linkId]);
  return { clicks, isDone: true };
};

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

const eraseWorkspace: Erase = async (pool, turn, workspaceId) => {
  let clicks = 0;
  for (;;) {
    const { rows } = await pool.query<{ link_id: string }>(
      'select link_id from click_totals where workspace_id = $1 limit 100',
      [workspaceId],
    );
    if (rows.length === 0) break;
    for (const { link_id } of rows) {
      const link = await eraseLink(pool, turn, link_id);
      clicks += link.clicks;
      if (!link.isDone || performance.now() >= turn.until) return { clicks, isDone: false };
    }
  }
  await pool.query('delete from click_workspace_hours where workspace_id = $1', [workspaceId]);
  return { clicks, isDone: true };
};

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
