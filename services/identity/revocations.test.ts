import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { createRevocations, decodeCursor, encodeCursor } from './revocations.ts';
import { postgresStore } from './store.postgres.ts';

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await postgresFor('identity');
  pool = database.openPool({ max: 4, maxWaiting: 200, statementTimeoutMs: 20_000 });
});
afterAll(() => database.drop());
beforeEach(() => pool.query('truncate identity.revocations'));

async function revoke(client: Pick<pg.Client, 'query'> = pool): Promise<string> {
  const id = randomUUID();
  await client.query('insert into identity.revocations (credential_id) values ($1)', [id]);
  return id;
}

const list = (cursor = '', limit = 5_000) => createRevocations({ store: postgresStore(pool), limit }).list(cursor);

describe('the list', () => {
  it('tells each revocation once, and at first those of the last 20 minutes', async () => {
    const old = await revoke();
    await pool.query("update identity.revocations set revoked_at = now() - interval '21 minutes'");
    const first = await revoke();
    const start = await list();
    expect(start.credentialIds).toEqual([first]);
    expect(start.credentialIds).not.toContain(old);
    const none = await list(start.cursor);
    expect(none).toMatchObject({ credentialIds: [], more: false });
    const second = await revoke();
    expect((await list(none.cursor)).credentialIds).toEqual([second]);
    expect((await list(start.cursor)).credentialIds).toEqual([second]);
  });

  it('skips no transaction that commits late, and waits for none', async () => {
    const hanging = new pg.Client({ connectionString: database.url });
    await hanging.connect();
    try {
      await hanging.query('begin');
      const late = await revoke(hanging);
      const early = await revoke();
      const start = await list();
      expect(start.credentialIds).toEqual([early]);
      const later = await revoke();
      const next = await list(start.cursor);
      expect(next.credentialIds).toEqual([later]);
      await hanging.query('commit');
      const last = await list(next.cursor);
      expect(last.credentialIds).toEqual([late]);
      expect((await list(last.cursor)).credentialIds).toEqual([]);
    } finally {
      await hanging.end();
    }
  });

  it('skips none whose transaction has a number that was aborted before: after a crash it may be given again', async () => {
    const client = await pool.connect();
    await client.query('begin');
    const { rows } = await client.query<{ xid: string }>('select pg_current_xact_id()::text as xid');
    await client.query('rollback');
    client.release();
    const { cursor } = await list();
    const id = randomUUID();
    const text = 'insert into identity.revocations (credential_id, xid) values ($1, $2::xid8)';
    await pool.query(text, [id, rows[0]?.xid]);
    const next = await list(cursor);
    expect(next.credentialIds).toEqual([id]);
    expect((await list(next.cursor)).credentialIds).toEqual([]);
  });

  it('goes on from a cursor without a time, which is all that the version before gives', async () => {
    await revoke();
    const { cursor } = await list();
    const known = decodeCursor(cursor);
    const [snapshot = ''] = known?.since?.split('@') ?? [];
    const since = (cut?: { until: string; after: string }) =>
      encodeCursor({ primary: known?.primary ?? '', since: snapshot, cut });
    const [first, second] = [await revoke(), await revoke()];
    const page = await list(since(), 1);
    expect(page).toMatchObject({ credentialIds: [first], more: true });
    const [until = '', after = ''] = [
      decodeCursor(page.cursor)?.cut?.until.split('@')[0],
      decodeCursor(page.cursor)?.cut?.after,
    ];
    expect(await list(since({ until, after }))).toMatchObject({ credentialIds: [second], more: false });
  });

  it('is cut when it is long, and loses nothing of what happens meanwhile', async () => {
    const before = [await revoke(), await revoke(), await revoke(), await revoke(), await revoke()];
    const told: string[] = [];
    let cursor = '';
    for (let more = true, pages = 0; more; pages++) {
      expect(pages).toBeLessThan(5);
      const page = await list(cursor, 2);
      told.push(...page.credentialIds);
      ({ cursor, more } = page);
      if (pages === 0) before.push(await revoke());
    }
    told.push(...(await list(cursor)).credentialIds);
    expect(told.toSorted()).toEqual(before.toSorted());
  });

  it('begins anew with a cursor of another primary, and with what is no cursor', async () => {
    const id = await revoke();
    const { cursor } = await list();
    const known = decodeCursor(cursor);
    const [system, timeline] = (known?.primary ?? '').split('-');
    const of = (primary: string) => encodeCursor({ since: '1:1:@1764473411.0', cut: undefined, ...known, primary });
    expect((await list(of(`${system}-${timeline}`))).credentialIds).toEqual([]);
    for (const other of [of(`${system}-0000FFFF`), of(`1-${timeline}`), 'nonsense', 'a'.repeat(10_000)])
      expect((await list(other)).credentialIds).toEqual([id]);
  });

  it('is exact with many writers', async () => {
    let { cursor } = await list();
    const told: string[] = [];
    const writing = Promise.all(Array.from({ length: 200 }, () => revoke()));
    let isWriting = true;
    void writing.then(() => {
      isWriting = false;
    });
    while (isWriting) {
      const page = await list(cursor);
      told.push(...page.credentialIds);
      cursor = page.cursor;
    }
    told.push(...(await list(cursor)).credentialIds);
    expect(told.toSorted()).toEqual((await writing).toSorted());
  });
});

describe('the cursor', () => {
  it('is read only as it was written', () => {
    const xid = fc.bigInt({ min: 1n, max: 2n ** 62n });
    const snapshot = fc
      .tuple(
        xid,
        fc.uniqueArray(fc.bigInt({ min: 1n, max: 1_000_000n }), { maxLength: 5 }),
        fc.constantFrom('@1764473411.012345', ''),
      )
      .map(([xmin, gaps, time]) => {
        const running = gaps.toSorted((a, b) => (a < b ? -1 : 1)).map((gap) => xmin + gap);
        return `${xmin}:${(running.at(-1) ?? xmin) + 1n}:${running.join(',')}${time}`;
      });
    const position = fc.record({
      primary: fc.constantFrom('7000000000000000001-00000001', '1-000000AB'),
      since: fc.option(snapshot, { nil: undefined }),
      cut: fc.option(fc.record({ until: snapshot, after: fc.nat().map(String) }), { nil: undefined }),
    });
    fc.assert(
      fc.property(position, (written) => {
        const holds = written.since !== undefined || written.cut !== undefined;
        expect(decodeCursor(encodeCursor(written))).toEqual(holds ? written : undefined);
      }),
    );
  });

  it('reaches Postgres only where Postgres can read it', async () => {
    const text = fc.stringMatching(/^[0-9:,/A-F@. ]{0,60}$/).map((raw) => `1-00000001/${raw}`);
    const sent = fc.oneof(fc.string(), text).map((raw) => Buffer.from(raw).toString('base64url'));
    await fc.assert(
      fc.asyncProperty(sent, async (cursor) => {
        expect((await list(cursor)).credentialIds).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});
