import { randomUUID } from 'node:crypto';
import { clone, create, fromBinary } from '@bufbuild/protobuf';
import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ChangeKind, type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { createPool } from '#runtime/postgres/pool.ts';
import { linkKey } from '#runtime/shortlink/link-key.ts';
import { timestampOf } from '#runtime/shortlink/link-record.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { stampOf } from './links/record-bytes.ts';
import { postgresStore } from './store.postgres.ts';
import type { ChosenCode, LinkStore, ListQuery, NewLink } from './store.ts';
import { aliasCode, newLink, recordOf } from './testing/links.ts';

let database: TestDatabase;
let pool: Pool;
let store: LinkStore;
let commits = 0;
let workspaceId = '';

beforeAll(async () => {
  database = await postgresFor('link');
  pool = createPool(`${database.url}?lock_timeout=1500`, { max: 8, connectTimeoutMs: 20_000, log: silentLog });
  store = postgresStore(pool, { committed: () => commits++ });
});

afterAll(async () => {
  await pool.end();
  await database.drop();
});

beforeEach(() => {
  workspaceId = randomUUID();
});

const draft = (fields: Partial<NewLink> = {}): NewLink => newLink({ workspaceId, ...fields });

let serial = 0;
const alias = (code = `alias-${++serial}`): ChosenCode => aliasCode(code);

async function made(fields: Partial<NewLink> = {}, code = alias()): Promise<LinkRecord> {
  return recordOf(await store.create(draft(fields), code));
}

async function renamed(record: LinkRecord, code: string) {
  return store.change({ workspaceId, key: linkKey(record.domain, record.code), newCode: code }, (current) => {
    const next = clone(LinkRecordSchema, current);
    next.code = code;
    return { kind: ChangeKind.RENAMED, next };
  });
}

async function touched(record: LinkRecord, edit: (next: LinkRecord) => void) {
  return store.change({ workspaceId, key: linkKey(record.domain, record.code) }, (current) => {
    const next = clone(LinkRecordSchema, current);
    edit(next);
    return { kind: ChangeKind.UPDATED, next };
  });
}

describe('creating', () => {
  test('keeps every field, with a change of the same record', async () => {
    const before = commits;
    const expiresAt = new Date(Date.now() + 60_000);
    const record = await made(
      { title: 'T', tags: ['a', 'b'], expiresAt },
      { code: 'Gen1234', number: 77, codeKeyId: 3 },
    );
    expect(await store.find(workspaceId, linkKey('hop.example', 'Gen1234'))).toEqual(record);
    const { rows } = await pool.query('select * from link_changes order by seq desc limit 1');
    expect(rows[0].kind).toBe(ChangeKind.CREATED);
    expect(fromBinary(LinkRecordSchema, rows[0].record)).toEqual(record);
    expect(rows[0].changed_at).toEqual(
      new Date(Number(record.createdAt?.seconds) * 1_000 + Number(record.createdAt?.nanos) / 1e6),
    );
    expect(commits).toBe(before + 1);
  });

  test('a ttl ends the link by the clock that says when it was made, in the change of it as well', async () => {
    const record = await made({ ttl: 2 ** 31 - 1 });
    const { createdAt, expiresAt } = record;
    expect([expiresAt?.seconds, expiresAt?.nanos]).toEqual([
      (createdAt?.seconds ?? 0n) + 2n ** 31n - 1n,
      createdAt?.nanos,
    ]);
    expect(await store.find(workspaceId, linkKey(record.domain, record.code))).toEqual(record);
    const { rows } = await pool.query('select record from link_changes order by seq desc limit 1');
    expect(fromBinary(LinkRecordSchema, rows[0].record)).toEqual(record);
  });

  test.each([
    [1n, '1970-01-01T00:00:00.000Z'],
    [127n, '2026-11-24T23:59:59.999Z'],
    [128n, '2038-01-19T03:14:08.500Z'],
    [2n ** 63n - 1n, '2999-12-31T23:59:59.001Z'],
  ])('the stamp that Postgres puts behind a record reads as version %s and time %s', async (version, time) => {
    const { rows } = await pool.query<{ bytes: Buffer }>(
      `select ${stampOf({ version: 'version', at: 'at' })} as bytes from (select $1::bigint as version, $2::timestamptz as at) as given`,
      [version, time],
    );
    const at = timestampOf(new Date(time));
    const read = fromBinary(LinkRecordSchema, rows[0]?.bytes ?? new Uint8Array());
    expect(read).toEqual(create(LinkRecordSchema, { version, createdAt: at, updatedAt: at }));
  });

  test('a code is unique in its domain, whoever asks, and free in another', async () => {
    const record = await made();
    const code = alias(record.code);
    expect(await store.create(draft({ workspaceId: randomUUID() }), code)).toEqual({ outcome: 'code_taken' });
    expect((await store.create(draft({ domain: 'go.example' }), code)).outcome).toBe('created');
    expect(await store.find(randomUUID(), linkKey('hop.example', record.code))).toBeUndefined();
  });

  test('of many at once for one alias, one is made', async () => {
    const code = alias();
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => store.create(draft(), code)));
    expect(outcomes.filter(({ outcome }) => outcome === 'created')).toHaveLength(1);
    expect(outcomes.filter(({ outcome }) => outcome === 'code_taken')).toHaveLength(7);
  });
});

describe('idempotency', () => {
  const hash = (fill: number) => new Uint8Array(32).fill(fill);

  test('the same key and request answer the first success, whatever happened to the link since', async () => {
    const first = recordOf(await store.create(draft(), alias(), { key: 'k', requestHash: hash(1) }));
    await touched(first, (next) => (next.title = 'changed'));
    expect(await store.create(draft(), alias(), { key: 'k', requestHash: hash(1) })).toEqual({
      outcome: 'replayed',
      record: first,
    });
    expect(await store.create(draft(), alias(), { key: 'k', requestHash: hash(2) })).toEqual({ outcome: 'key_reused' });
    const other = draft({ workspaceId: randomUUID() });
    expect((await store.create(other, alias(), { key: 'k', requestHash: hash(2) })).outcome).toBe('created');
  });

  test('twins make one link', async () => {
    const twins = Array.from({ length: 6 }, () =>
      store.create(draft(), alias(), { key: 'twin', requestHash: hash(1) }),
    );
    const records = (await Promise.all(twins)).map(recordOf);
    expect(new Set(records.map(({ id }) => id)).size).toBe(1);
  });

  test('a twin of one that does not finish is told so in time', async () => {
    const client = await pool.connect();
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`idempotency:${workspaceId}/slow`]);
    expect(await store.create(draft(), alias(), { key: 'slow', requestHash: hash(1) })).toEqual({
      outcome: 'key_busy',
    });
    await client.query('rollback');
    client.release();
  });

  test('a key is forgotten after 24 hours, and swept', async () => {
    const first = recordOf(await store.create(draft(), alias(), { key: 'old', requestHash: hash(1) }));
    const age = "update idempotency_keys set created_at = created_at - interval '25 hours' where workspace_id = $1";
    await pool.query(age, [workspaceId]);
    const second = recordOf(await store.create(draft(), alias(), { key: 'old', requestHash: hash(2) }));
    expect(second.id).not.toBe(first.id);
    await pool.query(age, [workspaceId]);
    expect(await store.sweepIdempotencyKeys(100)).toBeGreaterThan(0);
    const { rows } = await pool.query('select 1 from idempotency_keys where workspace_id = $1', [workspaceId]);
    expect(rows).toEqual([]);
  });

  test('a refused create leaves no key behind', async () => {
    const record = await made();
    const key = { key: 'retry', requestHash: hash(1) };
    expect((await store.create(draft(), alias(record.code), key)).outcome).toBe('code_taken');
    expect((await store.create(draft(), alias(), key)).outcome).toBe('created');
  });
});

describe('changing', () => {
  test('versions of one place only grow, across renames and re-use', async () => {
    const first = await made();
    const place = first.code;
    const moved = await renamed(first, `${place}-moved`);
    expect(moved).toMatchObject({ outcome: 'changed', previousCode: place });
    const second = await made({}, alias(place));
    const back = await renamed(second, `${place}-away`);
    if (!('record' in moved) || !('record' in back)) throw new Error('not renamed');
    const versions = [first, moved.record, second, back.record].map(({ version }) => version);
    expect(versions).toEqual([...versions].sort((a, b) => (a < b ? -1 : 1)));
  });

  test('a rename onto a taken code changes nothing', async () => {
    const [one, two] = [await made(), await made()];
    expect(await renamed(one, two.code)).toEqual({ outcome: 'code_taken' });
    expect(await store.find(workspaceId, linkKey(one.domain, one.code))).toEqual(one);
  });

  test('renames that cross each other end', async () => {
    const [one, two] = [await made(), await made()];
    const outcomes = await Promise.all([renamed(one, two.code), renamed(two, one.code)]);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['code_taken', 'code_taken']);
  });

  test('many changes at once are all made, each with a version of its own', async () => {
    const record = await made();
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, at) => touched(record, (next) => next.tags.push(`t${at}`))),
    );
    const versions = outcomes.map((outcome) => ('record' in outcome ? outcome.record.version : 0n));
    expect(new Set(versions).size).toBe(20);
    const last = await store.find(workspaceId, linkKey(record.domain, record.code));
    expect(last?.tags).toHaveLength(20);
    expect(versions.every((version) => version <= (last?.version ?? 0n))).toBe(true);
  });

  test('an edit that throws undoes all, one that wants nothing changes nothing, a stranger finds nothing', async () => {
    const record = await made();
    const request = { workspaceId, key: linkKey(record.domain, record.code) };
    await expect(
      store.change(request, () => {
        throw new Error('no');
      }),
    ).rejects.toThrow();
    expect(await store.change(request, () => undefined)).toEqual({ outcome: 'unchanged', record });
    expect(await store.change({ ...request, workspaceId: randomUUID() }, () => undefined)).toEqual({
      outcome: 'missing',
    });
  });
});

describe('listing', () => {
  const question = (fields: Partial<ListQuery> = {}): ListQuery => ({
    workspaceId,
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
        const records = await store.list(question({ descending, after, limit: 7 }));
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
    const ids = async (fields: Partial<ListQuery>) => (await store.list(question(fields))).map(({ id }) => id);
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
    expect(await store.hasMadeLinks(workspaceId, maker)).toBe(true);
    expect(await store.hasMadeLinks(randomUUID(), maker)).toBe(false);
  });

  test('who searches slowly keeps neither a create nor a plain list waiting', async () => {
    const searchPool = createPool(database.url, { max: 1, connectTimeoutMs: 100, log: silentLog });
    const shared = postgresStore(pool, { searchPool });
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
    slow.release();
    expect(await shared.list(question({ tag: 'a' }))).toEqual([]);
    await searchPool.end();
  });

  test('finds the tags of a version that kept them as they came', async () => {
    const { id } = await made({ tags: ['u\u0308ber'] });
    expect((await store.list(question({ tag: 'u\u0308ber' }))).map((link) => link.id)).toEqual([id]);
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
    const link = await made({ destination }, alias(`${code}n-${++serial}`));
    await made();
    for (const search of spellings) {
      const found = (await store.list(question({ search }))).map(({ id }) => id);
      expect([search, found]).toEqual([search, search === '} 1' ? [] : [link.id]]);
    }
  });
});

describe('the rest', () => {
  test('links are looked up by name, whoever owns them', async () => {
    const [one, two] = [await made(), await made({ domain: 'go.example' })];
    const keys = [linkKey('hop.example', one.code), linkKey('go.example', two.code), linkKey('go.example', one.code)];
    const found = await store.lookup(keys);
    expect(found.map(({ id }) => id).sort()).toEqual([one.id, two.id].sort());
  });

  test('links of a workspace are looked up by id, whatever their code is by now', async () => {
    const [one, two, theirs] = [await made(), await made(), await made({ workspaceId: randomUUID() })];
    const ids = [one.id, two.id, theirs.id, randomUUID()];
    const found = await store.lookupIds(workspaceId, ids);
    expect(found.map(({ id }) => id).sort()).toEqual([one.id, two.id].sort());
    expect(await store.lookupIds(randomUUID(), ids)).toEqual([]);
  });

  const fingerprint = '00112233';
  test.each([
    ['a promoted standby', '00000001', '000000FF', 8],
    ['another cluster', /^\d+/, '1', 18],
    ['the table of a restored dump', /\d+$/, '1', 28],
  ])('in %s the blocks that it may not know of are left out, once', async (_, part, other, keyId) => {
    const space = { keyId, first: 1, last: 1_000_000, blockSize: 100, fingerprint };
    await store.openCodeSpace(space);
    const known = await store.reserveBlock(keyId);
    const { rows } = await pool.query('select timeline from code_blocks where key_id = $1', [keyId]);
    expect(rows[0].timeline).toMatch(/^\d+\/00000001\/\d+$/);
    const elsewhere = rows[0].timeline.replace(part, other);
    const move = () => pool.query('update code_blocks set timeline = $2 where key_id = $1', [keyId, elsewhere]);
    await move();
    expect(await store.reserveBlock(keyId)).toEqual({
      first: (known?.end ?? 0) + 10_000,
      end: (known?.end ?? 0) + 10_100,
    });
    expect(await store.reserveBlock(keyId)).toMatchObject({ first: (known?.end ?? 0) + 10_100 });
    await move();
    await store.openCodeSpace(space);
    expect(await store.reserveBlock(keyId)).toMatchObject({ first: (known?.end ?? 0) + 20_200 });
  });

  test('a row of an earlier version, which holds the timeline alone, is left behind by another timeline alone', async () => {
    await store.openCodeSpace({ keyId: 7, first: 1, last: 1_000_000, blockSize: 100, fingerprint });
    await pool.query("update code_blocks set timeline = '00000001' where key_id = 7");
    expect(await store.reserveBlock(7)).toEqual({ first: 1, end: 101 });
    await pool.query("update code_blocks set timeline = '000000FF' where key_id = 7");
    expect(await store.reserveBlock(7)).toEqual({ first: 10_101, end: 10_201 });
  });

  test('blocks never overlap, and end with the range', async () => {
    await store.openCodeSpace({ keyId: 9, first: 1, last: 800, blockSize: 100, fingerprint });
    const blocks = await Promise.all(Array.from({ length: 10 }, () => store.reserveBlock(9)));
    const firsts = blocks.flatMap((block) => (block ? [block.first] : [])).sort((a, b) => a - b);
    expect(firsts).toEqual([1, 101, 201, 301, 401, 501, 601, 701]);
    await store.openCodeSpace({ keyId: 9, first: 1, last: 900, blockSize: 100, fingerprint });
    expect(await store.reserveBlock(9)).toEqual({ first: 801, end: 901 });
  });

  test('a key whose secret was exchanged is refused, one that an earlier version left without a fingerprint is not', async () => {
    const space = { keyId: 5, first: 1, last: 1_000, blockSize: 100, fingerprint };
    await store.openCodeSpace(space);
    await pool.query("update code_blocks set fingerprint = '' where key_id = 5");
    await store.openCodeSpace(space);
    await expect(store.openCodeSpace({ ...space, fingerprint: 'another' })).rejects.toThrow(
      'Code key 5 of HOP_CODE_KEYS_FILE is not the one that links were made with',
    );
    await store.openCodeSpace(space);
  });

  test('the range of a key never ends below what it has handed out', async () => {
    const space = { keyId: 6, first: 1, blockSize: 100, fingerprint };
    await store.openCodeSpace({ ...space, last: 1_000 });
    await store.reserveBlock(6);
    await expect(store.openCodeSpace({ ...space, last: 99 })).rejects.toThrow('numbers below 101 are handed out');
    expect(await store.reserveBlock(6)).toEqual({ first: 101, end: 201 });
    await store.openCodeSpace({ ...space, last: 200 });
    expect(await store.reserveBlock(6)).toBeUndefined();
  });

  test('only aliases of the generated shape are lookalikes', async () => {
    await made({}, alias('Look123'));
    await made({ domain: 'go.example' }, alias('Look456'));
    await made({}, { code: 'Made123', number: 123, codeKeyId: 1 });
    const first = await store.lookalikes(undefined, 1);
    const rest = await store.lookalikes(first.at(-1), 100);
    const codes = [...first, ...rest].map(({ code }) => code);
    expect(codes).toEqual(expect.arrayContaining(['Look123', 'Look456']));
    expect(codes).not.toContain('Made123');
    expect(codes.every((code) => /^[0-9A-Za-z]{7}$/.test(code))).toBe(true);
  });

  test('links that ended are marked once, with a change record and a new version', async () => {
    const record = await made({ expiresAt: new Date(Date.now() - 10) });
    expect(await store.expireLinks(100)).toBeGreaterThan(0);
    const marked = await store.find(workspaceId, linkKey(record.domain, record.code));
    expect(marked?.version).toBeGreaterThan(record.version);
    expect(await store.expireLinks(100)).toBe(0);
    await touched(record, (next) => (next.expiresAt = timestampOf(new Date(Date.now() - 5))));
    expect(await store.expireLinks(100)).toBe(1);
  });

  test('the resolver reads the view and nothing else', async () => {
    const record = await made();
    const reader = createPool(database.urlAs('hop_resolver'), {
      max: 1,
      connectTimeoutMs: 20_000,
      statementTimeoutMs: 20_000,
      log: silentLog,
    });
    const { rows } = await reader.query('select id from link.followable where code = $1', [record.code]);
    expect(rows).toEqual([{ id: record.id }]);
    await expect(reader.query('select 1 from link.links')).rejects.toThrow('permission denied');
    await reader.end();
  });

  test('an absent database is said to be so', async () => {
    const nowhere = createPool('postgres://hop_link@127.0.0.1:1/x', { max: 1, log: silentLog });
    const error = await postgresStore(nowhere)
      .lookup([linkKey('hop.example', 'x')])
      .catch((cause: unknown) => cause);
    expect(error).toMatchObject({ kind: 'unavailable', reason: 'DEPENDENCY_UNAVAILABLE' });
    await nowhere.end();
  });
});
