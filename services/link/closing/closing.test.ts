import { randomUUID } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { ChangeKind, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { linkKey } from '#runtime/shortlink/link-key.ts';
import { timestampOf } from '#runtime/shortlink/link-record.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { startMetrics } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { postgresStore } from '../store.postgres.ts';
import type { LinkStore } from '../store.ts';
import { postgresTakedowns } from '../takedowns/takedowns.postgres.ts';
import { aliasCode, createUnseen, newLink, recordOf } from '../testing/links.ts';
import { postgresClosedWorkspaces } from './closed-workspaces.postgres.ts';
import { type Closing, startClosing } from './closing.ts';

let database: TestDatabase;
let pool: Pool;
let store: LinkStore;
let closing: Closing | undefined;
let workspaceId = '';
let erased: string[];
let commits = 0;
let serial = 0;

beforeAll(async () => {
  database = await postgresFor('link');
  pool = database.openPool({ max: 6 });
  store = postgresStore(pool);
});
afterAll(() => database.drop());
beforeEach(async () => {
  workspaceId = randomUUID();
  erased = [];
  commits = 0;
  await pool.query('truncate links, link_changes, takedowns, closed_workspaces');
});
afterEach(async () => {
  await closing?.stop();
  closing = undefined;
});

const erase = async (id: string): Promise<void> => void erased.push(id);

function start(settings: Partial<Parameters<typeof startClosing>[0]> = {}): Closing {
  closing = startClosing({
    workspaces: postgresClosedWorkspaces(pool),
    takedowns: postgresTakedowns(pool),
    eraseClicks: erase,
    committed: () => commits++,
    log: silentLog,
    everyMs: 5,
    pauseMs: 0,
    settledAfterMs: 3_600_000,
    ...settings,
  });
  return closing;
}

const tried = (own = workspaceId, code = `code-${++serial}`) =>
  store.create(newLink({ workspaceId: own }), aliasCode(code));
const made = async (own?: string, code?: string) => recordOf(await tried(own, code));

async function madeMany(count: number, own?: string): Promise<void> {
  const record = await made(own);
  await pool.query(
    `insert into links (domain, code, id, version, workspace_id, created_by, destination, redirect_status, created_at, updated_at)
     select domain, code || '-' || n, gen_random_uuid(), nextval('link_version'), workspace_id, created_by, destination, 302, created_at, now()
     from links, generate_series(2, $2::int) as n where id = $1`,
    [record.id, count],
  );
}

async function countOf(from: string): Promise<number> {
  return (await pool.query(`select count(*)::int as n from ${from}`)).rows[0].n;
}

const isErased = () => waitFor(async () => (await countOf('closed_workspaces where erased_at is not null')) === 1);
const find = ({ domain, code }: { domain: string; code: string }, own = workspaceId) =>
  store.find(own, linkKey(domain, code));
const restored = (record: { domain: string; code: string }) =>
  store.change({ workspaceId, key: linkKey(record.domain, record.code) }, ({ deletedAt: _, ...next }) => ({
    kind: ChangeKind.RESTORED,
    next,
  }));

test('a closed workspace makes no links, those that it has are deleted for good, and its clicks are erased; others go on', async () => {
  const [one, other] = [await made(), await made()];
  const elsewhere = randomUUID();
  const foreign = await made(elsewhere);
  await start().close(workspaceId);
  expect(await tried()).toEqual({ outcome: 'workspace_taken_down' });
  await isErased();
  for (const record of [one, other]) {
    const after = await find(record);
    expect(after).toMatchObject({ disabled: true, deletedAt: expect.anything(), destination: record.destination });
    const { rows } = await pool.query('select record from link_changes where kind = $1', [ChangeKind.DELETED]);
    expect(rows.map((row) => fromBinary(LinkRecordSchema, row.record))).toContainEqual(after);
  }
  expect([erased, commits]).toEqual([[workspaceId], 1]);
  expect(await find(foreign, elsewhere)).toEqual(foreign);
  expect((await tried(elsewhere)).outcome).toBe('created');
});

test('a code that becomes free while it is worked off may be made anew by somebody else, whose link stays', async () => {
  const { domain, code } = await made();
  const elsewhere = randomUUID();
  const workspaces = postgresClosedWorkspaces(pool);
  let foreign: Awaited<ReturnType<typeof made>> | undefined;
  start({
    workspaces: {
      ...workspaces,
      async deleteLinks(own, keys) {
        // As when the row is purged between the page and its batch.
        await pool.query('delete from links where domain = $1 and code = $2 and workspace_id = $3', [
          domain,
          code,
          own,
        ]);
        foreign ??= await made(elsewhere, code);
        return workspaces.deleteLinks(own, keys);
      },
    },
  });
  await closing?.close(workspaceId);
  await isErased();
  expect(foreign).toBeDefined();
  expect(await find({ domain, code }, elsewhere)).toEqual(foreign);
});

test('what its owner had deleted before stays deleted, whoever has a credential left', async () => {
  const record = await made();
  await store.change({ workspaceId, key: linkKey(record.domain, record.code) }, (current, now) => ({
    kind: ChangeKind.DELETED,
    next: { ...current, deletedAt: timestampOf(now) },
  }));
  const before = await find(record);
  await start().close(workspaceId);
  expect(await restored(record)).toEqual({ outcome: 'link_taken_down' });
  await isErased();
  expect(await restored(record)).toEqual({ outcome: 'link_taken_down' });
  expect(await find(record)).toEqual(before);
});

test('they are purged as all that was deleted, and their codes stay taken until then', async () => {
  const record = await made();
  await start().close(workspaceId);
  await isErased();
  expect(await store.findPurgeable(60_000, 10)).toEqual([]);
  await pool.query("update links set deleted_at = deleted_at - interval '1 hour'");
  const found = await store.findPurgeable(60_000, 10);
  expect(found.map(({ id }) => id)).toEqual([record.id]);
});

test('what a leftover credential restores is still down, and deleted again when no credential is left', async () => {
  const record = await made();
  await start().close(workspaceId);
  await isErased();
  expect(await restored(record)).toMatchObject({ outcome: 'changed', record: { disabled: true } });
  await closing?.stop();
  start({ settledAfterMs: 0 });
  await waitFor(async () => (await countOf('closed_workspaces')) === 0);
  expect((await find(record))?.deletedAt).toBeDefined();
  expect(erased).toEqual([workspaceId]);
  expect(await tried()).toEqual({ outcome: 'workspace_taken_down' });
});

test('a link that was being made when the workspace was closed is deleted too, before the clicks are erased', async () => {
  const record = await made();
  const commit = await createUnseen(pool, record);
  await start().close(workspaceId);
  // Nobody waits for that one.
  await waitFor(async () => (await find(record))?.deletedAt !== undefined);
  expect(erased).toEqual([]);
  await commit();
  await isErased();
  expect(await countOf('links where deleted_at is null')).toBe(0);
});

test('whatever is broken off is gone on with: between links, before the clicks, before it is written down', async () => {
  await madeMany(600);
  const stopping = startClosing({
    workspaces: postgresClosedWorkspaces(pool),
    takedowns: postgresTakedowns(pool),
    eraseClicks: erase,
    committed: () => {
      commits++;
      throw new Error('killed');
    },
    log: silentLog,
    everyMs: 3_600_000,
    pauseMs: 0,
  });
  await stopping.close(workspaceId);
  await waitFor(() => commits > 0);
  await stopping.stop();
  expect(await countOf('links where deleted_at is null')).toBeGreaterThan(0);
  expect(erased).toEqual([]);

  let tries = 0;
  start({
    async eraseClicks(id) {
      if (++tries === 1) throw new Error('analytics is away');
      await erase(id);
    },
    workspaces: {
      ...postgresClosedWorkspaces(pool),
      async markErased(id) {
        if (tries === 2) throw new Error('the database is away');
        await postgresClosedWorkspaces(pool).markErased(id);
      },
    },
  });
  await isErased();
  expect(await countOf('links where deleted_at is null')).toBe(0);
  expect(await countOf(`link_changes where kind = ${ChangeKind.DELETED}`)).toBe(600);
  expect(erased).toEqual([workspaceId, workspaceId]);
});

test('one that cannot be erased does not keep the next one; to close it again does no harm, nor to stop meanwhile', async () => {
  const next = randomUUID();
  const first = workspaceId;
  start({
    eraseClicks: (id, signal) =>
      id === first ? Promise.reject(new Error('away')) : erase(id).then(() => signal.throwIfAborted()),
  });
  await closing?.close(first);
  await closing?.close(next);
  await closing?.close(next);
  await isErased();
  expect(erased).toEqual([next]);
});

/** As other processes leave them, one a second. */
async function leftOver(...ids: string[]): Promise<void> {
  await pool.query(
    `insert into closed_workspaces (workspace_id, closed_at)
     select id, now() - interval '1 hour' + n * interval '1 second' from unnest($1::uuid[]) with ordinality as left_over (id, n)`,
    [ids],
  );
}

test('while analytics is away the links of all go, those are looked at once, and how long the clicks wait is told', async () => {
  const others = Array.from({ length: 150 }, () => randomUUID());
  const record = await made();
  await leftOver(...others, workspaceId);
  const takedowns = postgresTakedowns(pool);
  const looked: string[] = [];
  let tries = 0;
  let isAway = true;
  const metrics = await startMetrics({ instance: 'link', metricsAddress: { host: '127.0.0.1', port: 0 } });
  const age = async (): Promise<number> => (await metrics.read()).sum(metric.closedWorkspacesAge) ?? 0;
  start({
    takedowns: {
      ...takedowns,
      linksUnder(subject) {
        looked.push(subject);
        return takedowns.linksUnder(subject);
      },
    },
    eraseClicks: (id) => (isAway && ++tries && id !== workspaceId ? Promise.reject(new Error('away')) : erase(id)),
  });
  await waitFor(() => erased.length > 0 && tries > 1_000);
  expect(erased).toEqual([workspaceId]);
  expect((await find(record))?.deletedAt).toBeDefined();
  expect(looked).toHaveLength(2 * (others.length + 1));
  expect(await age()).toBeGreaterThan(3_590);
  isAway = false;
  await waitFor(async () => (await countOf('closed_workspaces where erased_at is null')) === 0);
  await waitFor(async () => (await age()) === 0);
  await metrics.stop();
});

test('an erasure that hangs keeps no links up', async () => {
  const hanging = randomUUID();
  const record = await made();
  await leftOver(hanging);
  let hangs = false;
  start({
    eraseClicks(_id, signal) {
      hangs = true;
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    },
  });
  await waitFor(() => hangs);
  await leftOver(workspaceId);
  await waitFor(async () => (await find(record))?.deletedAt !== undefined);
  expect(erased).toEqual([]);
});

test('a large workspace does not keep the links of the next one waiting', async () => {
  const next = randomUUID();
  const record = await made(next);
  await madeMany(600);
  start({ pauseMs: 2_000 });
  await closing?.close(workspaceId);
  await waitFor(() => commits === 1);
  await closing?.close(next);
  await waitFor(async () => (await find(record, next))?.deletedAt !== undefined);
  expect([erased, await countOf(`links where workspace_id = '${workspaceId}' and deleted_at is null`)]).toEqual([
    [],
    350,
  ]);
});

test('large workspaces that are worked off at once share one pace', async () => {
  const own = Array.from({ length: 4 }, () => randomUUID());
  for (const id of own) await madeMany(250, id);
  start({ pauseMs: 200 });
  const begun = Date.now();
  for (const id of own) await closing?.close(id);
  await waitFor(async () => (await countOf('links where deleted_at is null')) === 0);
  expect(Date.now() - begun).toBeGreaterThan(3 * 200);
});

test('the reason of an operator who had taken the workspace down stays', async () => {
  await pool.query("insert into takedowns (subject, reason) values ('workspace:' || $1::text, 'phishing')", [
    workspaceId,
  ]);
  await start().close(workspaceId);
  await isErased();
  expect((await pool.query('select reason from takedowns')).rows).toEqual([{ reason: 'phishing' }]);
});
