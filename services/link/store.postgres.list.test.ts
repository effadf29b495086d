import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createConcurrencyLimit } from '#runtime/limits/concurrency-limit.ts';
import { createPool } from '#runtime/postgres/pool.ts';
import { timestampOf } from '#runtime/shortlink/link-record.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { listStatement } from './links/list-statement.postgres.ts';
import { jsonBytesOf, largestPageBytes } from './links/page-bytes.ts';
import { postgresStore } from './store.postgres.ts';
import type { ListQuery } from './store.ts';
import { recordOf } from './testing/links.ts';
import { alias, useTestStore } from './testing/test-store.ts';

const on = useTestStore();
const { draft, made, touched } = on;

describe('listing', () => {
  const question = (fields: Partial<ListQuery> = {}): ListQuery => ({
    workspaceId: on.workspaceId,
    orderBy: 'created_at',
    descending: true,
    limit: 100,
    ...fields,
  });

  test('pages tell every link once, in both directions', async () => {
    for (let at = 0; at < 25; at++) await made();
    for (const descending of [true, false]) {
      const seen: string[] = [];
      let after: ListQuery['after'];
      for (let page = 0; page < 10; page++) {
        const records = await on.store.list(question({ descending, after, limit: 7 }));
        seen.push(...records.map(({ id }) => id));
        const last = records.at(-1);
        if (!last?.createdAt) break;
        after = { at: new Date(Number(last.createdAt.seconds) * 1_000 + last.createdAt.nanos / 1e6), id: last.id };
      }
      expect(seen).toHaveLength(25);
      expect(new Set(seen).size).toBe(25);
    }
  });

  test('filters by tag, state, maker, domain and part of the text, whose wildcards are text', async () => {
    const maker = randomUUID();
    const tagged = await made({ tags: ['x'], createdBy: maker, title: 'Half 50%_off' });
    const expired = await made({ expiresAt: new Date(Date.now() - 1), domain: 'go.example' });
    const disabled = await made();
    await touched(disabled, (next) => (next.disabled = true));
    const gone = await made({ destination: 'https://gone.example/Path' });
    await touched(gone, (next) => (next.deletedAt = timestampOf(new Date())));
    const ids = async (fields: Partial<ListQuery>) => (await on.store.list(question(fields))).map(({ id }) => id);
    expect(await ids({ tag: 'x' })).toEqual([tagged.id]);
    expect(await ids({ createdBy: maker })).toEqual([tagged.id]);
    expect(await ids({ search: '50%_OFF' })).toEqual([tagged.id]);
    expect(await ids({ search: '5_%' })).toEqual([]);
    expect(await ids({ search: 'GONE.example', state: 'deleted' })).toEqual([gone.id]);
    expect(await ids({ state: 'expired' })).toEqual([expired.id]);
    expect(await ids({ state: 'disabled' })).toEqual([disabled.id]);
    expect(await ids({ state: 'active' })).toEqual([tagged.id]);
    expect(await ids({ domain: 'go.example' })).toEqual([expired.id]);
    expect((await ids({})).length).toBe(3);
    expect(await on.store.hasMadeLinks(on.workspaceId, maker)).toBe(true);
    expect(await on.store.hasMadeLinks(randomUUID(), maker)).toBe(false);
  });

  test('who searches slowly keeps neither a create nor a plain list waiting', async () => {
    const searchPool = createPool(on.database.url, { max: 1, connectTimeoutMs: 100, log: silentLog });
    const shared = postgresStore(on.pool, { searchPool });
    const slow = await searchPool.connect();
    const { id } = recordOf(await shared.create(draft(), alias()));
    expect((await shared.list(question({}))).map((link) => link.id)).toEqual([id]);
    const searches: Partial<ListQuery>[] = [
      { search: 'a' },
      { tag: 'a' },
      { domain: 'a' },
      { createdBy: id },
      { state: 'active' },
    ];
    for (const search of searches)
      await expect(shared.list(question(search))).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(shared.hasMadeLinks(on.workspaceId, id)).rejects.toMatchObject({ kind: 'unavailable' });
    await expect(shared.lookupIds(on.workspaceId, [id])).rejects.toMatchObject({ kind: 'unavailable' });
    slow.release();
    expect(await shared.list(question({ tag: 'a' }))).toEqual([]);
    await searchPool.end();
  });

  test('a workspace that has as many searches under way as it may waits for them, and no other does', async () => {
    const searchLimit = createConcurrencyLimit({ most: 1, maxWaiting: 0, patienceMs: 1_000 });
    const shared = postgresStore(on.pool, { searchLimit });
    const { id } = recordOf(await shared.create(draft({ tags: ['a'] }), alias()));
    const slow = Promise.withResolvers<void>();
    const running = searchLimit.run(on.workspaceId, () => slow.promise);
    const refusal = { kind: 'unavailable', reason: 'OVERLOADED' };
    await expect(shared.list(question({ tag: 'a' }))).rejects.toMatchObject(refusal);
    await expect(shared.hasMadeLinks(on.workspaceId, id)).rejects.toMatchObject(refusal);
    await expect(shared.lookupIds(on.workspaceId, [id])).rejects.toMatchObject(refusal);
    expect(await shared.list(question({ tag: 'a', workspaceId: id }))).toEqual([]);
    expect((await shared.list(question())).map((link) => link.id)).toEqual([id]);
    slow.resolve();
    await running;
    expect((await shared.list(question({ tag: 'a' }))).map((link) => link.id)).toEqual([id]);
  });

  test.each([
    ['destinations', "rpad('https://example.org/', 8192, 'x')", "'{}'"],
    ['tags', "'https://example.org/'", "array_fill(repeat('\u{1d49c}', 64), array[32])"],
  ])('a page of long %s is read no further than its bytes, and one link beyond', async (_, destination, tags) => {
    await on.pool.query(
      `insert into links (domain, code, id, version, workspace_id, created_by, destination, tags, redirect_status, created_at, updated_at)
       select 'localhost', $1 || number, gen_random_uuid(), nextval('link_version'), $1::uuid, $1::uuid,
         ${destination}, ${tags}, 302, now(), now() from generate_series(1, 300) as number`,
      [on.workspaceId],
    );
    const page = await on.store.list(question({ limit: 1_001 }));
    const bytes = page.reduce((sum, record) => sum + jsonBytesOf(record), 0);
    expect(page.length).toBeLessThan(150);
    expect(bytes).toBeGreaterThan(largestPageBytes);
  });

  test('a long text in another script is searched for among many links in little time', async () => {
    const text = 'ǖ'.repeat(256);
    const { id } = await made({ destination: new URL(`https://example.com/${text}`).href });
    await on.pool.query(
      `insert into links (domain, code, id, version, workspace_id, created_by, destination, redirect_status, created_at, updated_at)
       select 'localhost', $1 || number, gen_random_uuid(), nextval('link_version'), $1::uuid, $1::uuid,
         'https://example.org/some/path/' || md5(number::text), 302, now(), now() from generate_series(1, 10000) as number`,
      [on.workspaceId],
    );
    const hasty = createPool(on.database.url, { max: 1, statementTimeoutMs: 1_000, log: silentLog });
    const found = await postgresStore(hasty).list(question({ search: text.toUpperCase() }));
    expect(found.map((link) => link.id)).toEqual([id]);
    await hasty.end();
  });

  test('a search for many letters with several accents keeps this process busy for no time worth mentioning', () => {
    const startedAt = performance.now();
    for (let call = 0; call < 100; call++) listStatement(question({ search: '\u1f82'.repeat(256) }));
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  test('finds the tags of a version that kept them as they came', async () => {
    const { id } = await made({ tags: ['u\u0308ber'] });
    expect((await on.store.list(question({ tag: 'u\u0308ber' }))).map((link) => link.id)).toEqual([id]);
  });

  test.each([
    ['https://example.com/', 'GRÖßE', ['größe', 'GRÖ', 'Rößen']],
    ['https://xn--mnchen-3ya.example/a', 'x1', ['münchen', 'MÜNCHEN.example', 'https://münchen.Example/A', 'xn--mnch']],
    ['https://example.com/wiki/%C3%84rzte?q=%D0%9C%D0%BE', 'x2', ['ärzte', 'wiki/ÄRZTE', 'Q=мо', 'Мо', '%c3%84rzte']],
    ['https://example.com/a%20b?q=it%27s%20%22x%22#%3Cy%3E', 'x3', ['A b', "it's", 'S "X"', '#<Y>']],
    ['https://example.com/', 'οδός', ['ΟΔΌΣ', 'οδόσ', 'ΔΌς']],
    ['https://example.com/', 'strasse', ['Straße', 'STRAẞE', 'ASSE']],
    ['https://example.com/%CE%BF%CE%B4%CF%8C%CF%82', 'x5', ['ΟΔΌΣ', 'οδόσ', 'οδός']],
    ['https://example.com/Strasse/%CE%A3', 'x6', ['straße', 'STRAẞE/σ', 'ς']],
    ['https://example.com/', 'İzmir', ['izmir', 'İZMİR']],
    ['https://example.com/%7Bz%7D/(1)+[2].*', 'x4', ['{z}/(1)', '} 1', '/(1)+[2].*']],
  ])('text is found in %s and %s whichever way it is spelled: %j', async (destination, code, spellings) => {
    const link = await made({ destination }, alias(`${code}n-${randomUUID()}`));
    await made();
    for (const search of spellings) {
      const found = (await on.store.list(question({ search }))).map(({ id }) => id);
      expect([search, found]).toEqual([search, search === '} 1' ? [] : [link.id]]);
    }
  });
});
