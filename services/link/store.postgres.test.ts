import { randomUUID } from 'node:crypto';
import { clone, create, type DescField, fromBinary, ScalarType } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { ChangeKind, type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { createPool } from '#runtime/postgres/pool.ts';
import { linkKey } from '#runtime/shortlink/link-key.ts';
import { redirectStatuses, timestampOf } from '#runtime/shortlink/link-record.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { stampOf } from './links/record-bytes.ts';
import { postgresStore } from './store.postgres.ts';
import { alias, useTestStore } from './testing/test-store.ts';

const on = useTestStore();
const { draft, made, touched } = on;

/** A value that no new link has. */
function anotherValueOf({ fieldKind, scalar }: DescField): unknown {
  if (fieldKind === 'list') return ['other'];
  if (fieldKind === 'message') return timestampOf(new Date('2030-01-31T23:59:59.999Z'));
  if (scalar === ScalarType.STRING) return 'https://other.example/';
  if (scalar === ScalarType.INT64) return 308n;
  return scalar === ScalarType.BOOL ? true : 308;
}

async function renamed(record: LinkRecord, code: string) {
  return on.store.change(
    { workspaceId: on.workspaceId, key: linkKey(record.domain, record.code), newCode: code },
    (current) => {
      const next = clone(LinkRecordSchema, current);
      next.code = code;
      return { kind: ChangeKind.RENAMED, next };
    },
  );
}

describe('creating', () => {
  test('keeps every field, with a change of the same record', async () => {
    const before = on.commits;
    const expiresAt = new Date(Date.now() + 60_000);
    const record = await made(
      { title: 'T', tags: ['a', 'b'], expiresAt },
      { code: 'Gen1234', number: 77, codeKeyId: 3 },
    );
    expect(await on.store.find(on.workspaceId, linkKey('hop.example', 'Gen1234'))).toEqual(record);
    const { rows } = await on.pool.query('select * from link_changes order by seq desc limit 1');
    expect(rows[0].kind).toBe(ChangeKind.CREATED);
    expect(fromBinary(LinkRecordSchema, rows[0].record)).toEqual(record);
    expect(rows[0].changed_at).toEqual(
      new Date(Number(record.createdAt?.seconds) * 1_000 + Number(record.createdAt?.nanos) / 1e6),
    );
    expect(on.commits).toBe(before + 1);
  });

  test('a ttl ends the link by the clock that says when it was made, in the change of it as well', async () => {
    const record = await made({ ttl: 2 ** 31 - 1 });
    const { createdAt, expiresAt } = record;
    expect([expiresAt?.seconds, expiresAt?.nanos]).toEqual([
      (createdAt?.seconds ?? 0n) + 2n ** 31n - 1n,
      createdAt?.nanos,
    ]);
    expect(await on.store.find(on.workspaceId, linkKey(record.domain, record.code))).toEqual(record);
    const { rows } = await on.pool.query('select record from link_changes order by seq desc limit 1');
    expect(fromBinary(LinkRecordSchema, rows[0].record)).toEqual(record);
  });

  test.each(redirectStatuses)('a link that answers %s', async (redirectStatus) => {
    expect(await made({ redirectStatus })).toMatchObject({ redirectStatus });
  });

  test.each([
    [1n, '1970-01-01T00:00:00.000Z'],
    [127n, '2026-11-24T23:59:59.999Z'],
    [128n, '2038-01-19T03:14:08.500Z'],
    [2n ** 63n - 1n, '2999-12-31T23:59:59.001Z'],
  ])('the stamp that Postgres puts behind a record reads as version %s and time %s', async (version, time) => {
    const { rows } = await on.pool.query<{ bytes: Buffer }>(
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
    expect(await on.store.create(draft({ workspaceId: randomUUID() }), code)).toEqual({ outcome: 'code_taken' });
    expect((await on.store.create(draft({ domain: 'go.example' }), code)).outcome).toBe('created');
    expect(await on.store.find(randomUUID(), linkKey('hop.example', record.code))).toBeUndefined();
  });

  test('of many at once for one alias, one is made', async () => {
    const code = alias();
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => on.store.create(draft(), code)));
    expect(outcomes.filter(({ outcome }) => outcome === 'created')).toHaveLength(1);
    expect(outcomes.filter(({ outcome }) => outcome === 'code_taken')).toHaveLength(7);
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

  test('whichever field of the record an edit changes, the row has it as the record of the change has it', async () => {
    // Which link it is, and what the store alone says.
    const given = ['id', 'domain', 'code', 'version', 'workspace_id', 'created_by', 'created_at', 'used_up'];
    for (const field of LinkRecordSchema.fields.filter(({ name }) => !given.includes(name))) {
      const before = await made();
      const changed = await touched(before, (next) =>
        Object.assign(next, { [field.localName]: anotherValueOf(field) }),
      );
      if (changed.outcome !== 'changed') throw new Error(`${field.name}: ${changed.outcome}`);
      expect(changed.record, field.name).toMatchObject({ [field.localName]: anotherValueOf(field) });
      const { domain, code } = before;
      expect(await on.store.find(on.workspaceId, linkKey(domain, code)), field.name).toEqual(changed.record);
    }
  });

  test('a rename onto a taken code changes nothing', async () => {
    const [one, two] = [await made(), await made()];
    expect(await renamed(one, two.code)).toEqual({ outcome: 'code_taken' });
    expect(await on.store.find(on.workspaceId, linkKey(one.domain, one.code))).toEqual(one);
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
    const last = await on.store.find(on.workspaceId, linkKey(record.domain, record.code));
    expect(last?.tags).toHaveLength(20);
    expect(versions.every((version) => version <= (last?.version ?? 0n))).toBe(true);
  });

  test('an edit that throws undoes all, one that wants nothing changes nothing, a stranger finds nothing', async () => {
    const record = await made();
    const request = { workspaceId: on.workspaceId, key: linkKey(record.domain, record.code) };
    await expect(
      on.store.change(request, () => {
        throw new Error('no');
      }),
    ).rejects.toThrow();
    expect(await on.store.change(request, () => undefined)).toEqual({ outcome: 'unchanged', record });
    expect(await on.store.change({ ...request, workspaceId: randomUUID() }, () => undefined)).toEqual({
      outcome: 'missing',
    });
  });
});

describe('the rest', () => {
  test('links are looked up by name, whoever owns them', async () => {
    const [one, two] = [await made(), await made({ domain: 'go.example' })];
    const keys = [linkKey('hop.example', one.code), linkKey('go.example', two.code), linkKey('go.example', one.code)];
    const found = await on.store.lookup(keys);
    expect(found.map(({ id }) => id).sort()).toEqual([one.id, two.id].sort());
  });

  test('links of a workspace are looked up by id, whatever their code is by now', async () => {
    const [one, two, theirs] = [await made(), await made(), await made({ workspaceId: randomUUID() })];
    const ids = [one.id, two.id, theirs.id, randomUUID()];
    const found = await on.store.lookupIds(on.workspaceId, ids);
    expect(found.map(({ id }) => id).sort()).toEqual([one.id, two.id].sort());
    expect(await on.store.lookupIds(randomUUID(), ids)).toEqual([]);
  });

  const fingerprint = '00112233';
  test.each([
    ['a promoted standby', '00000001', '000000FF', 8, 10_000],
    ['another cluster', /^\d+/, '1', 18, 1_000_000_000],
    ['the table of a restored dump', /\d+$/, '1', 28, 1_000_000_000],
  ])('in %s the numbers that it may not know of are left out, once', async (_, part, other, keyId, leftOut) => {
    const space = { keyId, first: 1, last: 3_521_614_606_207, blockSize: 100, fingerprint };
    await on.store.openCodeSpace(space);
    const known = await on.store.reserveBlock(keyId);
    const { rows } = await on.pool.query('select timeline from code_blocks where key_id = $1', [keyId]);
    expect(rows[0].timeline).toMatch(/^\d+\/00000001\/\d+$/);
    const elsewhere = rows[0].timeline.replace(part, other);
    const move = () => on.pool.query('update code_blocks set timeline = $2 where key_id = $1', [keyId, elsewhere]);
    const end = known?.end ?? 0;
    await move();
    expect(await on.store.reserveBlock(keyId)).toEqual({ first: end + leftOut, end: end + leftOut + 100 });
    expect(await on.store.reserveBlock(keyId)).toMatchObject({ first: end + leftOut + 100 });
    await move();
    await on.store.openCodeSpace(space);
    expect(await on.store.reserveBlock(keyId)).toMatchObject({ first: end + 2 * leftOut + 200 });
  });

  test('in a restored dump half of a short range is left out: its key goes on', async () => {
    await on.store.openCodeSpace({ keyId: 38, first: 1, last: 1_000_000, blockSize: 100, fingerprint });
    await on.pool.query("update code_blocks set timeline = '1/00000001/1' where key_id = 38");
    expect(await on.store.reserveBlock(38)).toEqual({ first: 500_000, end: 500_100 });
  });

  test('a row of an earlier version, which holds the timeline alone, is left behind by another timeline alone', async () => {
    await on.store.openCodeSpace({ keyId: 7, first: 1, last: 1_000_000, blockSize: 100, fingerprint });
    await on.pool.query("update code_blocks set timeline = '00000001' where key_id = 7");
    expect(await on.store.reserveBlock(7)).toEqual({ first: 1, end: 101 });
    await on.pool.query("update code_blocks set timeline = '000000FF' where key_id = 7");
    expect(await on.store.reserveBlock(7)).toEqual({ first: 10_101, end: 10_201 });
  });

  test('blocks never overlap, and end with the range', async () => {
    await on.store.openCodeSpace({ keyId: 9, first: 1, last: 800, blockSize: 100, fingerprint });
    const blocks = await Promise.all(Array.from({ length: 10 }, () => on.store.reserveBlock(9)));
    const firsts = blocks.flatMap((block) => (block ? [block.first] : [])).sort((a, b) => a - b);
    expect(firsts).toEqual([1, 101, 201, 301, 401, 501, 601, 701]);
    await on.store.openCodeSpace({ keyId: 9, first: 1, last: 900, blockSize: 100, fingerprint });
    expect(await on.store.reserveBlock(9)).toEqual({ first: 801, end: 901 });
  });

  test('a key whose secret was exchanged is refused, one that an earlier version left without a fingerprint is not', async () => {
    const space = { keyId: 5, first: 1, last: 1_000, blockSize: 100, fingerprint };
    await on.store.openCodeSpace(space);
    await on.pool.query("update code_blocks set fingerprint = '' where key_id = 5");
    await on.store.openCodeSpace(space);
    await expect(on.store.openCodeSpace({ ...space, fingerprint: 'another' })).rejects.toThrow(
      'Code key 5 of HOP_CODE_KEYS_FILE is not the one that links were made with',
    );
    await on.store.openCodeSpace(space);
  });

  test('the range of a key never ends below what it has handed out', async () => {
    const space = { keyId: 6, first: 1, blockSize: 100, fingerprint };
    await on.store.openCodeSpace({ ...space, last: 1_000 });
    await on.store.reserveBlock(6);
    await expect(on.store.openCodeSpace({ ...space, last: 99 })).rejects.toThrow('numbers below 101 are handed out');
    expect(await on.store.reserveBlock(6)).toEqual({ first: 101, end: 201 });
    await on.store.openCodeSpace({ ...space, last: 200 });
    expect(await on.store.reserveBlock(6)).toBeUndefined();
  });

  test('only aliases of the generated shape are lookalikes', async () => {
    await made({}, alias('Look123'));
    await made({ domain: 'go.example' }, alias('Look456'));
    await made({}, { code: 'Made123', number: 123, codeKeyId: 1 });
    const first = await on.store.lookalikes(undefined, 1);
    const rest = await on.store.lookalikes(first.at(-1), 100);
    const codes = [...first, ...rest].map(({ code }) => code);
    expect(codes).toEqual(expect.arrayContaining(['Look123', 'Look456']));
    expect(codes).not.toContain('Made123');
    expect(codes.every((code) => /^[0-9A-Za-z]{7}$/.test(code))).toBe(true);
  });

  test('links that ended are marked once, with a change record and a new version', async () => {
    const record = await made({ expiresAt: new Date(Date.now() - 10) });
    expect(await on.store.expireLinks(100)).toBeGreaterThan(0);
    const marked = await on.store.find(on.workspaceId, linkKey(record.domain, record.code));
    expect(marked?.version).toBeGreaterThan(record.version);
    expect(await on.store.expireLinks(100)).toBe(0);
    await touched(record, (next) => (next.expiresAt = timestampOf(new Date(Date.now() - 5))));
    expect(await on.store.expireLinks(100)).toBe(1);
  });

  test('the resolver reads the view and nothing else', async () => {
    const record = await made();
    const reader = createPool(on.database.urlAs('hop_resolver'), {
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
