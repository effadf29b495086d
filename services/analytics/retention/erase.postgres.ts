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
/** Links erased together: a statement on a table that is kept by days looks at each day, and that costs as much for one link as for many. */
const together = 100;

/** What is deleted from the hours of links is subtracted from their workspaces. */
const withoutHours = (deletion: string): string => `
with gone as (${deletion} returning link_id, at, clicks, visitors, bots, bot_visitors), less as (
  insert into click_workspace_hours as r (workspace_id, at, source, clicks, visitors, bots, bot_visitors)
  select t.workspace_id, g.at, -1, -sum(g.clicks), -sum(g.visitors), -sum(g.bots), -sum(g.bot_visitors)
  from gone g join click_totals t using (link_id) where g.clicks + g.bots > 0
  group by t.workspace_id, g.at order by t.workspace_id, g.at
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

/** Links that are erased together. */
interface Group {
  readonly linkIds: readonly string[];
  /** One link with so many clicks that they are deleted in batches. */
  readonly isLarge: boolean;
}

interface Turn {
  readonly batch: number;
  /** When it is over, in milliseconds of `performance.now()`. */
  readonly until: number;
}

/** How many clicks there were until the turn was over; `isDone`: nothing is left. */
interface Erased {
  readonly clicks: number;
  readonly isDone: boolean;
}

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
  const turn = async (
    ids: readonly string[],
    erase: (turn: Turn) => Promise<Erased>,
    finished: () => Promise<void>,
  ) => {
    const { clicks, isDone } = await erase({ batch, until: performance.now() + turnMs });
    done.clicks += clicks;
    if (isDone) await finished();
    else for (const id of ids) left.add(id);
  };
  const linksOf = (group: Group) =>
    turn(
      group.linkIds,
      (own) => eraseLinks(pool, own, group),
      async () => {
        await pool.query('update erased_links set done_at = now() where link_id = any($1)', [group.linkIds]);
        done.links += group.linkIds.length;
      },
    );
  const workspaceOf = (id: string) =>
    turn(
      [id],
      (own) => eraseWorkspace(pool, own, id),
      async () => {
        await pool.query('update erased_workspaces set done_at = now() where workspace_id = $1', [id]);
        done.workspaces++;
      },
    );
  /** What cannot be erased now must not hold up the others. */
  const tried = async (id: string, work: Promise<void>) => {
    await work.catch((error: unknown) => faults.set(id, error));
  };
  for (const group of await groupsOf(pool, batch, links)) {
    // Where one of several cannot be erased, each is tried by itself.
    const isErased = group.linkIds.length > 1 && (await linksOf(group).then(yes, no));
    if (!isErased) for (const id of group.linkIds) await tried(id, linksOf({ ...group, linkIds: [id] }));
  }
  for (const id of workspaces) await tried(id, workspaceOf(id));
  return { done, left, faults };
}

const yes = () => true;
const no = () => false;

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

/** Groups of links that have no more than a batch of clicks together, and each of the others by itself, since it may take hours. */
async function groupsOf(pool: Pool, batch: number, linkIds: readonly string[]): Promise<readonly Group[]> {
  const { rows } = await pool.query<{ link_id: string; clicks: string }>(
    'select link_id, clicks + bots + heads + prefetches as clicks from click_totals where link_id = any($1)',
    [linkIds],
  );
  const clicksOf = new Map(rows.map(({ link_id, clicks }) => [link_id, Number(clicks)]));
  const [groups, large]: [string[][], Group[]] = [[], []];
  let clicks = 0;
  for (const id of linkIds) {
    const own = clicksOf.get(id) ?? 0;
    if (own > batch) {
      large.push({ linkIds: [id], isLarge: true });
      continue;
    }
    const last = groups.at(-1);
    if (last && last.length < together && clicks + own <= batch) {
      last.push(id);
      clicks += own;
    } else {
      groups.push([id]);
      clicks = own;
    }
  }
  return [...groups.map((ids) => ({ linkIds: ids, isLarge: false })), ...large];
}

/** The statement that deletes from a table everything of these links, or the next batch of a large one, and its values. */
function deletionOf(table: string, key: string, { linkIds, isLarge }: Group, batch: number): [string, unknown[]] {
  const of = isLarge ? 'link_id = $1' : 'link_id = any($1)';
  const first = `(select ${key} from ${table} where ${of} order by ${key} limit $2)`;
  const bound = isLarge ? ` and ${key} <= (select ${key} from ${first} s order by ${key} desc limit 1)` : '';
  const deletion = `delete from ${table} where ${of}${bound}`;
  const statement = table === 'click_hours' ? withoutHours(deletion) : deletion;
  return [statement, isLarge ? [linkIds[0], batch] : [linkIds]];
}

async function eraseLinks(pool: Pool, { batch, until }: Turn, group: Group): Promise<Erased> {
  let clicks = 0;
  for (const [table, key] of kept) {
    const deletion = deletionOf(table, key, group, batch);
    // Of a group, most tables have nothing, and to delete nothing takes longer than to look.
    let rows = group.isLarge || (await isLeft(pool, table, group)) ? 1 : 0;
    while (rows > 0) {
      const { rowCount } = await pool.query(...deletion);
      rows = rowCount ?? 0;
      if (table === 'clicks') clicks += rows;
      // Deleting nothing does not mean that nothing is there: another erasing process may have had the same rows locked, and may die before
      // it gets to the others.
      if (!group.isLarge || rows === 0) rows = (await isLeft(pool, table, group)) ? 1 : 0;
      // Only where there is more: a turn that ends with looking for more would begin with it again.
      if (rows > 0 && performance.now() >= until) return { clicks, isDone: false };
    }
  }
  await pool.query('delete from click_totals where link_id = any($1)', [group.linkIds]);
  return { clicks, isDone: true };
}

async function isLeft(pool: Pool, table: string, { linkIds }: Group): Promise<boolean> {
  const { rows } = await pool.query<{ left: boolean }>(
    `select exists (select from ${table} where link_id = any($1)) as left`,
    [linkIds],
  );
  return rows[0]?.left ?? false;
}

async function eraseWorkspace(pool: Pool, turn: Turn, workspaceId: string): Promise<Erased> {
  let clicks = 0;
  for (;;) {
    const { rows } = await pool.query<{ link_id: string }>(
      'select link_id from click_totals where workspace_id = $1 limit $2',
      [workspaceId, together],
    );
    if (rows.length === 0) break;
    const ids = rows.map(({ link_id }) => link_id);
    for (const group of await groupsOf(pool, turn.batch, ids)) {
      const erased = await eraseLinks(pool, turn, group);
      clicks += erased.clicks;
      if (!erased.isDone || performance.now() >= turn.until) return { clicks, isDone: false };
    }
  }
  await pool.query('delete from click_workspace_hours where workspace_id = $1', [workspaceId]);
  return { clicks, isDone: true };
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
