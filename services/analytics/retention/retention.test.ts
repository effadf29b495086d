import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type TestDatabase, tablesWith } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { postgresStore } from '../store.postgres.ts';
import { soundBatch, type TestClick, testClick } from '../testing/clicks.ts';
import { postgresEraseStore } from './erase.postgres.ts';
import { postgresPartitionStore } from './partitions.postgres.ts';
import { type Difference, reconcile } from './reconcile.postgres.ts';

let database: TestDatabase;
let pool: Pool;
let store: ReturnType<typeof postgresStore>;
let partition = 0;

beforeAll(async () => {
  database = await postgresFor('analytics');
  pool = database.openPool({ max: 8, statementTimeoutMs: 20_000 });
  // So few entries that there are links with merged breakdowns, and some more that are not.
  store = postgresStore(pool, { entries: 300, links: 10 });
});
afterAll(() => database.drop());

const atUs = (text: string): number => Date.parse(text) * 1_000;
const takeAs = (of: number, expected: bigint | undefined, clicks: readonly TestClick[], limits = {}) =>
  store.take({
    topic: 'clicks',
    partition: of,
    expected,
    next: (expected ?? 0n) + 1n,
    batches: [soundBatch(clicks)],
    notBeforeUs: 0,
    ...limits,
  });
const take = (clicks: readonly TestClick[], limits = {}) => takeAs(partition++, undefined, clicks, limits);

async function rowsOf(table: string, column: string, id: string): Promise<number> {
  const { rows } = await pool.query<{ rows: number }>(
    `select count(*)::int as rows from ${table} where ${column} = $1`,
    [id],
  );
  return rows[0]?.rows ?? 0;
}
async function differences(from: string, until: string, linkId?: string): Promise<Difference[]> {
  const found: Difference[] = [];
  await reconcile(pool, { from, until, linkId }, (difference) => found.push(difference));
  return found;
}

describe('partitions', () => {
  const partitions = () => postgresPartitionStore(pool);

  test('processes that make the same day at once agree', async () => {
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => partitions().makeDay('2031-01-01')));
    // One of them for each of the three tables, which may be three of them.
    expect(outcomes.filter((outcome) => outcome === 'made').length).toBeGreaterThan(0);
    expect(outcomes).not.toContain('moved');
    expect(await partitions().makeDay('2031-01-01')).toBe('there');
  });

  test('rows that came before their partition are told, moved into it, and counted once however often they come', async () => {
    const linkId = randomUUID();
    const clicks = [1, 2, 3].map((n) => testClick({ linkId, atUs: atUs('2031-02-01T05:00:00Z') + n }));
    await take(clicks);
    expect(await partitions().strays()).toEqual({ days: ['2031-02-01'], rows: 3 + 3 + 1 });
    expect(await partitions().makeDay('2031-02-01')).toBe('moved');
    expect(await partitions().strays()).toEqual({ days: [], rows: 0 });
    expect(await rowsOf('clicks_20310201', 'link_id', linkId)).toBe(3);
    expect(await take(clicks)).toMatchObject({ stored: 0, duplicates: 3 });
    expect(await differences('2031-02-01', '2031-02-02')).toEqual([]);
  });

  test('a day is made while its clicks are being stored', async () => {
    const linkId = randomUUID();
    const click = () => testClick({ linkId, atUs: atUs('2031-03-01T05:00:00Z') + Math.floor(Math.random() * 1e9) });
    const storing = Promise.all(Array.from({ length: 40 }, () => take(Array.from({ length: 20 }, click))));
    await partitions()
      .makeDay('2031-03-01')
      .catch(() => {});
    await storing;
    await partitions().makeDay('2031-03-01');
    expect(await partitions().strays()).toEqual({ days: [], rows: 0 });
    expect(await rowsOf('clicks', 'link_id', linkId)).toBe(800);
    expect(await differences('2031-03-01', '2031-03-02')).toEqual([]);
  });

  test.each([
    ['clicks', '2031-04-01', '2031-04-02'],
    ['visitors', '2031-04-02', '2031-04-03'],
    ['click_minutes', '2031-04-03', '2031-04-04'],
  ])('a row on its way into %s_default goes to the partition that came meanwhile', async (table, day, next) => {
    const linkId = randomUUID();
    const maker = await pool.connect();
    await maker.query(`begin; lock table ${table}_default in access exclusive mode`);
    const taken = take([testClick({ linkId, atUs: atUs(`${day}T05:00:00Z`) })]);
    const waiting = 'select 1 from pg_locks where relation = $1::regclass and not granted';
    await vi.waitFor(async () => expect((await pool.query(waiting, [`${table}_default`])).rowCount).toBe(1), 5_000);
    await maker.query(
      `create table ${table}_made (like ${table} including defaults including constraints);
       alter table ${table} attach partition ${table}_made for values from ('${day} 00:00:00+00') to ('${next} 00:00:00+00');
       commit`,
    );
    maker.release();
    expect(await taken).toMatchObject({ stored: 1 });
    expect(await rowsOf(table, 'link_id', linkId)).toBe(1);
    expect(await rowsOf(`${table}_made`, 'link_id', linkId)).toBe(1);
  });

  test('a click of a day that was dropped is not counted again, although the retention was raised since', async () => {
    const click = testClick({ atUs: atUs('2025-01-01T05:00:00Z') });
    await partitions().makeDay('2025-01-01');
    expect(await take([click])).toMatchObject({ stored: 1 });
    await partitions().dropBefore({ clicks: '2025-01-02', minutes: '2025-01-02' }, Date.now());
    expect(await take([click])).toMatchObject({ stored: 0, expired: 1 });
  });

  test('a day that was dropped is named by a recount, which finds nothing wrong with it', async () => {
    await partitions().makeDay('2025-01-03');
    await take([testClick({ atUs: atUs('2025-01-03T05:00:00Z') })]);
    await partitions().dropBefore({ clicks: '2025-01-04', minutes: '2025-01-04' }, Date.now());
    const gone: string[] = [];
    const tell = vi.fn();
    const days = { from: '2025-01-03', until: '2025-01-05', linkId: undefined };
    await reconcile(pool, days, tell, (day) => gone.push(day));
    expect([gone, tell.mock.calls]).toEqual([['2025-01-03'], []]);
  });

  test('one that is over is dropped, and waits for nobody longer than a second', async () => {
    const linkId = randomUUID();
    await partitions().makeDay('2030-06-01');
    await partitions().makeDay('2030-06-02');
    await take([testClick({ linkId, atUs: atUs('2030-06-01T05:00:00Z') })]);
    const reader = await pool.connect();
    await reader.query('begin');
    await reader.query('select count(*) from clicks');
    const limit = { clicks: '2030-06-02', minutes: '2030-06-03' };
    await expect(partitions().dropBefore(limit, Date.now())).rejects.toMatchObject({ code: '55P03' });
    await reader.query('rollback');
    reader.release();
    await expect(partitions().dropBefore(limit, Date.now() + 2 * 86_400_000)).rejects.toThrow('s apart');
    expect(await rowsOf('clicks', 'link_id', linkId)).toBe(1);
    expect(await partitions().dropBefore(limit, Date.now())).toBe(4);
    expect(await rowsOf('clicks', 'link_id', linkId)).toBe(0);
    expect(await rowsOf('click_hours', 'link_id', linkId)).toBe(1);
    expect(await rowsOf('click_totals', 'link_id', linkId)).toBe(1);
  });
});

test('a click of a clock that is wrong by minutes is counted at its own time; one from a day ahead is refused and told apart', async () => {
  const now = Date.now() * 1_000;
  const linkId = randomUUID();
  const minutes = 60_000_000;
  const clicks = [-5, 5, 24 * 60 + 1].map((ahead) => testClick({ linkId, atUs: now + ahead * minutes }));
  expect(await take(clicks, { notAfterUs: now + 24 * 60 * minutes })).toMatchObject({
    stored: 2,
    future: 1,
    duplicates: 0,
  });
  const { rows } = await pool.query('select at from clicks where link_id = $1', [linkId]);
  expect(rows).toHaveLength(2);
});

test('a process whose clock is days off refuses nothing for its time: what it would refuse waits', async () => {
  const now = Date.now() * 1_000;
  const click = testClick({ atUs: now });
  const by = (nowUs: number) => take([click], { nowUs, notAfterUs: nowUs + 86_400_000_000 });
  await expect(by(now - 2 * 86_400_000_000)).rejects.toThrow('s apart');
  expect(await by(now)).toMatchObject({ stored: 1 });
  expect(await rowsOf('clicks', 'link_id', click.linkId)).toBe(1);
});

describe('reconcile', () => {
  const [from, until] = ['2026-05-05', '2026-05-08'];
  const linkId = randomUUID();
  beforeAll(async () => {
    const click = () =>
      testClick({
        linkId,
        atUs: atUs(from) + Math.floor(Math.random() * 3 * 86_400_000_000),
        visitor: BigInt(Math.floor(Math.random() * 20)),
        flags: Math.floor(Math.random() * 5),
        city: 'Bern',
        country: 'CH',
      });
    await take(Array.from({ length: 500 }, click));
    await take(Array.from({ length: 10 }, click));
  });

  test('finds nothing where nothing is wrong, also while clicks are being stored', async () => {
    const own = partition++;
    const storing = (async () => {
      for (let n = 0; n < 30; n++) {
        await takeAs(own, n === 0 ? undefined : BigInt(n), [testClick({ linkId, atUs: atUs(from) + n })]);
      }
    })();
    expect(await differences(from, until)).toEqual([]);
    await storing;
    expect(await differences(from, until, linkId)).toEqual([]);
  });

  test.each([
    ['click_minutes', 'update click_minutes set clicks = clicks + 1'],
    ['click_hours', 'update click_hours set visitors = visitors + 1'],
    ['click_days', 'delete from click_days'],
    ['click_hour_values', 'update click_hour_values set bots = bots + 1'],
    ['click_day_values', "update click_day_values set value = 'Basel'"],
    ['click_hour_values', 'update click_value_deltas set clicks[1] = clicks[1] + 1', 'click_value_deltas'],
    ['click_totals', 'update click_totals set heads = heads - 1'],
    ['visitors', 'delete from visitors'],
  ])('finds what is wrong in %s', async (found, change, table = found) => {
    const one = table === 'click_totals' ? '' : ` and ctid = (select min(ctid) from ${table} where link_id = $1)`;
    await pool.query(`create table as_it_was as select * from ${table}`);
    await pool.query(`${change} where link_id = $1${one}`, [linkId]);
    expect((await differences(from, until, linkId)).map((difference) => difference.table)).toContain(found);
    await pool.query(`delete from ${table}`);
    await pool.query(`insert into ${table} select * from as_it_was`);
    await pool.query('drop table as_it_was');
    expect(await differences(from, until, linkId)).toEqual([]);
  });
});

test('reconcile takes no other link’s click for the one that a visitor came with', async () => {
  const [linkId, other] = [randomUUID(), randomUUID()];
  const [own, foreign] = [linkId, other].map((of, n) => testClick({ linkId: of, atUs: atUs('2026-05-12') + n }));
  await take([own as TestClick, foreign as TestClick]);
  await pool.query(
    `update visitors v set at = c.at, request_id = c.request_id from clicks c where v.link_id = $1 and c.link_id = $2`,
    [linkId, other],
  );
  const found = await differences('2026-05-12', '2026-05-13', linkId);
  expect(found.filter(({ table }) => table === 'visitors')).toMatchObject([{ counted: 'true', kept: 'false' }]);
});

describe('erasing', () => {
  const erasure = () => postgresEraseStore(pool, { batch: 7 });
  /** Every table with something of a link or a workspace, but for the records of what is to be erased. */
  const tables = { link_id: [] as string[], workspace_id: [] as string[] };
  beforeAll(async () => {
    for (const column of ['link_id', 'workspace_id'] as const)
      tables[column] = (await tablesWith(pool, 'analytics', column)).filter((table) => !table.startsWith('erased_'));
  });
  const clicksOf = (linkId: string, count: number, workspaceId = randomUUID()) =>
    Array.from({ length: count }, (_, n) =>
      testClick({ linkId, workspaceId, atUs: atUs('2026-05-09') + n * 1_000_000 }),
    );

  /** Those of the tables that have something of it. */
  async function tablesOf(id: string, column: keyof typeof tables = 'link_id'): Promise<string[]> {
    const found: string[] = [];
    for (const table of tables[column]) if ((await rowsOf(table, column, id)) > 0) found.push(table);
    return found;
  }
  const nothingOf = async (id: string, column?: keyof typeof tables): Promise<void> =>
    expect(await tablesOf(id, column)).toEqual([]);

  test('a link goes, in batches and from every table; the others stay; what comes later is refused', async () => {
    const [linkId, other] = [randomUUID(), randomUUID()];
    await pool.query("insert into watched_links values ($1, $2, now() + interval '1 hour')", [linkId, randomUUID()]);
    const [first, ...more] = clicksOf(linkId, 100);
    const cities = Array.from({ length: 400 }, (_, n) => ({
      ...(first as TestClick),
      requestId: randomUUID().replaceAll('-', ''),
      city: `city ${n}`,
    }));
    // So many entries that they are merged, and some that are not yet.
    await take(cities);
    await take([first as TestClick, ...more, ...clicksOf(other, 5)]);
    expect(await tablesOf(linkId)).toEqual(tables.link_id);
    await erasure().ask({ linkIds: [linkId], workspaceIds: [] });
    expect(await erasure().run()).toEqual({ links: 1, workspaces: 0, clicks: 500 });
    await nothingOf(linkId);
    expect(await rowsOf('clicks', 'link_id', other)).toBe(5);
    expect(await take([...clicksOf(linkId, 3), testClick({ linkId: other })])).toMatchObject({
      stored: 1,
      erased: 3,
      duplicates: 0,
    });
    expect(await erasure().run()).toEqual({ links: 0, workspaces: 0, clicks: 0 });
    await erasure().ask({ linkIds: [linkId], workspaceIds: [] });
    expect(await erasure().run()).toMatchObject({ links: 1, clicks: 0 });
  });

  test('a workspace goes with all its links, and links that it makes later have no clicks', async () => {
    const workspaceId = randomUUID();
    const links = Array.from({ length: 120 }, () => randomUUID());
    await take(links.flatMap((linkId) => clicksOf(linkId, 2, workspaceId)));
    expect(await tablesOf(workspaceId, 'workspace_id')).toEqual(tables.workspace_id);
    await erasure().ask({ linkIds: [], workspaceIds: [workspaceId] });
    expect(await erasure().run()).toMatchObject({ workspaces: 1, clicks: 240 });
    for (const linkId of links.slice(0, 3)) await nothingOf(linkId);
    await nothingOf(workspaceId, 'workspace_id');
    expect(await take(clicksOf(randomUUID(), 4, workspaceId))).toMatchObject({ stored: 0, erased: 4 });
    // As the runbook says for a workspace that goes on.
    await pool.query('delete from erased_workspaces where workspace_id = $1', [workspaceId]);
    expect(await take(clicksOf(randomUUID(), 4, workspaceId))).toMatchObject({ stored: 4, erased: 0 });
  });

  test('links with few clicks go together, and a large one by itself in batches', async () => {
    const workspaceId = randomUUID();
    const small = Array.from({ length: 60 }, () => randomUUID());
    const large = randomUUID();
    await take([...small, large].flatMap((linkId) => clicksOf(linkId, linkId === large ? 200 : 2, workspaceId)));
    let statements = 0;
    const counted = {
      connect: () => pool.connect(),
      query: (text: string, values: unknown[]) => {
        statements++;
        return pool.query(text, values);
      },
    } as unknown as Pool;
    const store = postgresEraseStore(counted, { batch: 150 });
    await store.ask({ linkIds: [large, ...small.slice(0, 30)], workspaceIds: [workspaceId] });
    const asked = statements;
    expect(await store.run()).toEqual({ links: 31, workspaces: 1, clicks: 320 });
    // Two groups of thirty and the large one, of ten tables each.
    expect(statements - asked).toBeLessThan(100);
    for (const linkId of [large, ...small]) await nothingOf(linkId);
    await nothingOf(workspaceId, 'workspace_id');
  });

  test('a large workspace gives way to what is asked for after it', async () => {
    const workspaceId = randomUUID();
    const links = Array.from({ length: 60 }, () => randomUUID());
    await take(links.flatMap((linkId) => clicksOf(linkId, 1, workspaceId)));
    const store = postgresEraseStore(pool, { batch: 2, turnMs: 1 });
    await store.ask({ linkIds: [], workspaceIds: [workspaceId] });
    const large = store.run([workspaceId]);
    const other = randomUUID();
    await take(clicksOf(other, 5));
    await store.ask({ linkIds: [other], workspaceIds: [] });
    await store.run([other]);
    await nothingOf(other);
    expect(await rowsOf('click_totals', 'workspace_id', workspaceId)).toBeGreaterThan(0);
    expect(await large).toMatchObject({ workspaces: 1 });
    await nothingOf(workspaceId, 'workspace_id');
  });

  test('clicks that are being stored meanwhile do not survive', async () => {
    const linkId = randomUUID();
    let erased = false;
    const own = [partition++, partition++, partition++];
    const storing = own.map(async (of) => {
      for (let n = 0, after = 0; after < 5; n++) {
        if (erased) after++;
        await takeAs(of, n === 0 ? undefined : BigInt(n), [
          testClick({ linkId, atUs: atUs('2026-05-10') + n * 10 + of }),
        ]);
      }
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await erasure().ask({ linkIds: [linkId], workspaceIds: [] });
    await erasure().run();
    erased = true;
    await Promise.all(storing);
    await nothingOf(linkId);
  });

  test('one who erases and finds the next rows taken by another goes on: the other may die before the rest', async () => {
    const linkId = randomUUID();
    await take(clicksOf(linkId, 40));
    const other = await pool.connect();
    await other.query('begin');
    await other.query('delete from clicks where link_id = $1 and at <= $2', [linkId, new Date('2026-05-09T00:00:09Z')]);
    const few = postgresEraseStore(pool, { batch: 5 });
    await few.ask({ linkIds: [linkId], workspaceIds: [] });
    const run = few.run();
    const waiting = "select 1 from pg_locks where locktype = 'transactionid' and not granted";
    await vi.waitFor(async () => expect((await pool.query(waiting)).rowCount).toBe(1), 5_000);
    await other.query('commit');
    other.release();
    expect(await run).toEqual({ links: 1, workspaces: 0, clicks: 30 });
    await nothingOf(linkId);
  });

  test('one that cannot be erased now does not keep the others, and many who ask at once share a run', async () => {
    const [stuck, other] = [randomUUID(), randomUUID()].sort() as [string, string];
    for (const linkId of [stuck, other]) await take(clicksOf(linkId, 20));
    let isStuck = true;
    let runs = 0;
    const watched = {
      async connect() {
        runs++;
        return pool.connect();
      },
      query: (text: string, values: unknown[]) => {
        if (isStuck && text.startsWith('delete') && values.flat().includes(stuck)) throw new Error('statement timeout');
        return pool.query(text, values);
      },
    } as unknown as Pool;
    const store = postgresEraseStore(watched, { batch: 7 });
    await store.ask({ linkIds: [stuck, other], workspaceIds: [] });
    const asked = [[other], undefined, [stuck.toUpperCase(), other], ...Array.from({ length: 17 }, () => [stuck])];
    const outcomes = await Promise.allSettled(asked.map((ids) => store.run(ids)));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', ...asked.slice(1).map(() => 'rejected')]);
    expect(runs).toBe(2);
    await nothingOf(other);
    expect(await rowsOf('clicks', 'link_id', stuck)).toBe(20);
    isStuck = false;
    expect(await store.run()).toMatchObject({ links: 1, clicks: 20 });
    await nothingOf(stuck);
  });

  test('a large workspace is erased to its end although another link cannot be erased now', async () => {
    const [stuck, workspaceId] = [randomUUID(), randomUUID()];
    await take(Array.from({ length: 20 }, () => clicksOf(randomUUID(), 1, workspaceId)).flat());
    const failing = {
      connect: () => pool.connect(),
      query: (text: string, values: unknown[]) => {
        if (text.startsWith('delete') && values.flat().includes(stuck)) throw new Error('statement timeout');
        return pool.query(text, values);
      },
    } as unknown as Pool;
    const store = postgresEraseStore(failing, { batch: 2, turnMs: 1 });
    await store.ask({ linkIds: [stuck], workspaceIds: [workspaceId] });
    await expect(store.run()).rejects.toThrow('statement timeout');
    await nothingOf(workspaceId, 'workspace_id');
    await pool.query('delete from erased_links where link_id = $1', [stuck]);
  });

  test('one that was broken off is carried on with, and a recount in between takes nothing for wrong', async () => {
    const linkId = randomUUID();
    await take(clicksOf(linkId, 50));
    let left = 3;
    const breaking = {
      connect: () => pool.connect(),
      query: (text: string, values: unknown[]) => {
        if (text.startsWith('delete') && left-- === 0) throw new Error('Connection terminated');
        return pool.query(text, values);
      },
    } as unknown as Pool;
    await erasure().ask({ linkIds: [linkId], workspaceIds: [] });
    await expect(postgresEraseStore(breaking, { batch: 7 }).run()).rejects.toThrow();
    expect(await rowsOf('clicks', 'link_id', linkId)).toBe(29);
    expect(await differences('2026-05-09', '2026-05-10', linkId)).toEqual([]);
    expect(await erasure().run()).toMatchObject({ links: 1, clicks: 29 });
    await nothingOf(linkId);
  });
});
