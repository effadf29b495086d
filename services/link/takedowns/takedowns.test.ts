import { randomUUID } from 'node:crypto';
import { clone, fromBinary } from '@bufbuild/protobuf';
import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ChangeKind, type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { linkKey } from '#runtime/shortlink/link-key.ts';
import { timestampOf } from '#runtime/shortlink/link-record.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { postgresStore } from '../store.postgres.ts';
import type { ChangeOutcome, CreateOutcome, LinkStore } from '../store.ts';
import { aliasCode, createUnseen, newLink, recordOf } from '../testing/links.ts';
import { carryOut } from './carry-out.ts';
import { hostNamed, type Subject } from './subjects.ts';
import { postgresTakedowns, type Ruling, type Takedowns, type Touched } from './takedowns.postgres.ts';

let database: TestDatabase;
let pool: Pool;
let store: LinkStore;
let takedowns: Takedowns;
let workspaceId = '';

beforeAll(async () => {
  database = await postgresFor('link');
  pool = database.openPool({ max: 4 });
  store = postgresStore(pool);
  takedowns = postgresTakedowns(pool);
});
afterAll(() => database.drop());
beforeEach(async () => {
  workspaceId = randomUUID();
  await pool.query('truncate links, takedowns');
});

let serial = 0;

function tried(destination = 'https://example.com/', idempotencyKey?: string): Promise<CreateOutcome> {
  const idempotency = idempotencyKey ? { key: idempotencyKey, requestHash: new Uint8Array(32) } : undefined;
  return store.create(newLink({ workspaceId, destination }), aliasCode(`code-${++serial}`), idempotency);
}

const made = async (destination?: string): Promise<LinkRecord> => recordOf(await tried(destination));

function changed(
  { domain, code }: LinkRecord,
  kind: ChangeKind,
  edit: (next: LinkRecord) => void,
): Promise<ChangeOutcome> {
  return store.change({ workspaceId, key: linkKey(domain, code) }, (current) => {
    const next = clone(LinkRecordSchema, current);
    edit(next);
    return { kind, next };
  });
}

const titled = (record: LinkRecord) => changed(record, ChangeKind.UPDATED, (next) => (next.title = 'T'));
const found = ({ domain, code }: LinkRecord) => store.find(workspaceId, linkKey(domain, code));
const isDown = async (record: LinkRecord) => (await found(record))?.disabled;

const down = (subject: Subject, more: Partial<Ruling> = {}): Ruling => ({
  subject,
  stands: true,
  reason: 'phishing',
  dryRun: false,
  ...more,
});
const lifted = (subject: Subject): Ruling => down(subject, { stands: false });
const carriedOut = (ruling: Ruling, tell: (touched: Touched) => void = () => {}) =>
  carryOut(takedowns, ruling, { tell, pauseMs: 0 });

describe('a link', () => {
  test('that is taken down is disabled, with a change record, and once', async () => {
    const record = await made();
    const ruling = down(`link:${record.id}`);
    expect(await takedowns.linkAt(record)).toBe(record.id);
    expect((await takedowns.ruleOnLink(ruling, record)).map(({ id }) => id)).toEqual([record.id]);
    const after = await found(record);
    expect(after).toMatchObject({ disabled: true, destination: record.destination });
    expect(after?.version).toBeGreaterThan(record.version);
    const { rows } = await pool.query('select kind, record, changed_at from link_changes order by seq desc limit 1');
    expect(rows[0].kind).toBe(ChangeKind.UPDATED);
    expect(fromBinary(LinkRecordSchema, rows[0].record)).toEqual(after);
    expect(after?.updatedAt).toEqual(timestampOf(rows[0].changed_at));
    expect(await takedowns.ruleOnLink(ruling, record)).toEqual([]);
    expect(await found(record)).toEqual(after);
  });

  test('can be deleted and restored, but nothing brings it back for its owner', async () => {
    const record = await made();
    const refused = { outcome: 'link_taken_down' };
    await takedowns.ruleOnLink(down(`link:${record.id}`), record);
    expect(await titled(record)).toEqual(refused);
    expect(await changed(record, ChangeKind.UPDATED, (next) => (next.disabled = false))).toEqual(refused);
    expect(await changed(record, ChangeKind.RENAMED, (next) => (next.code = 'elsewhere'))).toEqual(refused);
    const at = timestampOf(new Date());
    expect((await changed(record, ChangeKind.DELETED, (next) => (next.deletedAt = at))).outcome).toBe('changed');
    const back = await changed(record, ChangeKind.RESTORED, (next) => void delete next.deletedAt);
    expect(back).toMatchObject({ outcome: 'changed', record: { disabled: true } });
    expect(await titled(record)).toEqual(refused);
  });

  test('is given back as its owner had it', async () => {
    const [on, off] = [await made(), await made()];
    await changed(off, ChangeKind.UPDATED, (next) => (next.disabled = true));
    for (const record of [on, off]) await takedowns.ruleOnLink(down(`link:${record.id}`), record);
    expect([await isDown(on), await isDown(off)]).toEqual([true, true]);
    await pool.query('delete from takedowns');
    // Lifted, but not yet of these links.
    expect(await titled(on)).toEqual({ outcome: 'link_taken_down' });
    for (const record of [on, off])
      expect(await takedowns.ruleOnLink(lifted(`link:${record.id}`), record)).toHaveLength(1);
    expect([await isDown(on), await isDown(off)]).toEqual([false, true]);
    expect((await titled(on)).outcome).toBe('changed');
    expect(await takedowns.ruleOnLink(lifted(`link:${on.id}`), on)).toEqual([]);
  });

  test('is found by its id alone, and not where it is not any more', async () => {
    const record = await made();
    await made();
    const ruling = down(`link:${record.id}`);
    const elsewhere = linkKey(record.domain, 'elsewhere');
    await expect(takedowns.ruleOnLink(ruling, elsewhere)).rejects.toThrow('renamed');
    expect((await pool.query('select from takedowns')).rowCount).toBe(0);
    const touched: string[] = [];
    expect(await carriedOut(ruling, (links) => touched.push(...links.map(({ id }) => id)))).toBe(1);
    expect(touched).toEqual([record.id]);
    expect(await isDown(record)).toBe(true);
  });
});

describe('a destination host', () => {
  test.each([
    'https://evil.example/',
    'http://evil.example:8080/login',
    'https://evil.example./',
    'https://www.login.evil.example/?a',
    'https://evil.example?a',
    'https://evil.example#a',
  ])('covers %s', async (destination) => {
    const record = await made(destination);
    expect(await carriedOut(down('host:evil.example'))).toBe(1);
    expect(await isDown(record)).toBe(true);
    expect(await tried(destination)).toEqual({ outcome: 'host_taken_down' });
  });

  test.each([
    'https://notevil.example/',
    'https://evil.example.org/',
    'https://example.com/evil.example',
    'https://example.com/?at=https://evil.example/',
    'https://evilxexample/',
  ])('does not cover %s', async (destination) => {
    const record = await made(destination);
    expect(await carriedOut(down('host:evil.example'))).toBe(0);
    expect(await isDown(record)).toBe(false);
    expect((await tried(destination)).outcome).toBe('created');
  });

  test.each([
    ['Evil.Example', 'evil.example'],
    ['bücher.example.', 'xn--bcher-kva.example'],
    ['192.0.2.1', '192.0.2.1'],
    ['[2606:4700::1111]', '[2606:4700::1111]'],
    ['evil.example:8080', undefined],
    ['evil.example/login', undefined],
    ['https://evil.example', undefined],
    ['user@evil.example', undefined],
    ['example', undefined],
    ['', undefined],
  ])('%j is named %s', (text, host) => expect(hostNamed(text)).toBe(host));

  test('of an address is that address, in the spelling of destinations', async () => {
    const record = await made('https://[2606:4700::1111]:444/');
    expect(await carriedOut(down(`host:${hostNamed('[2606:4700:0::1111]')}`))).toBe(1);
    expect(await isDown(record)).toBe(true);
  });

  test('is no place to lead a link to, nor for a create that is asked again', async () => {
    const record = await made();
    await carriedOut(down('host:evil.example'));
    const edited = changed(record, ChangeKind.UPDATED, (next) => (next.destination = 'https://evil.example/'));
    expect(await edited).toEqual({ outcome: 'host_taken_down' });
    expect((await found(record))?.destination).toBe(record.destination);
    expect(await tried('https://evil.example/', 'key')).toEqual({ outcome: 'host_taken_down' });
    await carriedOut(lifted('host:evil.example'));
    expect((await tried('https://evil.example/', 'key')).outcome).toBe('created');
  });

  test('covers a link that was being made when it was taken down', async () => {
    const record = await made('https://evil.example/');
    const commit = await createUnseen(pool, record);
    const links = carriedOut(down('host:evil.example'));
    await waitFor(async () => (await pool.query('select from takedowns')).rowCount === 1);
    await commit();
    expect(await links).toBe(2);
  });
});

describe('a workspace', () => {
  test('makes no links, and all it has are down, deleted ones too', async () => {
    const [kept, gone] = [await made(), await made()];
    await changed(gone, ChangeKind.DELETED, (next) => (next.deletedAt = timestampOf(new Date())));
    expect(await carriedOut(down(`workspace:${workspaceId}`))).toBe(2);
    expect([await isDown(kept), await isDown(gone)]).toEqual([true, true]);
    expect(await tried()).toEqual({ outcome: 'workspace_taken_down' });
    workspaceId = randomUUID();
    expect((await tried()).outcome).toBe('created');
  });

  test('gives back what nothing else covers', async () => {
    const [plain, itself, evil] = [await made(), await made(), await made('https://evil.example/')];
    await takedowns.ruleOnLink(down(`link:${itself.id}`), itself);
    expect(await carriedOut(down(`workspace:${workspaceId}`))).toBe(2);
    expect(await carriedOut(down('host:evil.example'))).toBe(0);
    expect(await carriedOut(lifted(`workspace:${workspaceId}`))).toBe(1);
    expect([await isDown(plain), await isDown(itself), await isDown(evil)]).toEqual([false, true, true]);
  });

  test('a dry run counts, and writes nothing', async () => {
    const record = await made();
    const [ruling, undone] = [down(`workspace:${workspaceId}`), lifted(`workspace:${workspaceId}`)];
    expect(await carriedOut({ ...ruling, dryRun: true })).toBe(1);
    expect([await found(record), (await tried()).outcome]).toEqual([record, 'created']);
    expect(await carriedOut(ruling)).toBe(2);
    expect(await carriedOut({ ...undone, dryRun: true })).toBe(2);
    expect([await isDown(record), (await tried()).outcome]).toEqual([true, 'workspace_taken_down']);
  });

  test('what was broken off is gone on with', async () => {
    const record = await made();
    const others = 5_300;
    await pool.query(
      `insert into links (domain, code, id, version, workspace_id, created_by, destination, redirect_status, created_at, updated_at)
       select domain, 'n' || n, gen_random_uuid(), nextval('link_version'), workspace_id, created_by, destination, 302, created_at, now()
       from links, generate_series(1, $2::int) as n where id = $1`,
      [record.id, others],
    );
    let told = 0;
    const dies = (touched: Touched): void => {
      told += touched.length;
      if (told >= 1_000) throw new Error('killed');
    };
    await expect(carriedOut(down(`workspace:${workspaceId}`), dies)).rejects.toThrow('killed');
    expect(told).toBe(1_000);
    expect(await tried()).toEqual({ outcome: 'workspace_taken_down' });
    expect(await carriedOut(down(`workspace:${workspaceId}`))).toBe(others + 1 - told);
    const { rows } = await pool.query('select count(*)::int as up from links where not disabled');
    expect(rows[0].up).toBe(0);
  });
});
