import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { recordOf } from './testing/links.ts';
import { alias, useTestStore } from './testing/test-store.ts';

const on = useTestStore();
const { draft, made, touched } = on;

describe('idempotency', () => {
  const hash = (fill: number) => new Uint8Array(32).fill(fill);

  test('the same key and request answer the first success, whatever happened to the link since', async () => {
    const first = recordOf(await on.store.create(draft(), alias(), { key: 'k', requestHash: hash(1) }));
    await touched(first, (next) => (next.title = 'changed'));
    expect(await on.store.create(draft(), alias(), { key: 'k', requestHash: hash(1) })).toEqual({
      outcome: 'replayed',
      record: first,
    });
    expect(await on.store.create(draft(), alias(), { key: 'k', requestHash: hash(2) })).toEqual({
      outcome: 'key_reused',
    });
    const other = draft({ workspaceId: randomUUID() });
    expect((await on.store.create(other, alias(), { key: 'k', requestHash: hash(2) })).outcome).toBe('created');
  });

  test('twins make one link', async () => {
    const twins = Array.from({ length: 6 }, () =>
      on.store.create(draft(), alias(), { key: 'twin', requestHash: hash(1) }),
    );
    const records = (await Promise.all(twins)).map(recordOf);
    expect(new Set(records.map(({ id }) => id)).size).toBe(1);
  });

  test('a twin of one that does not finish is told so in time', async () => {
    const client = await on.pool.connect();
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`idempotency:${on.workspaceId}/slow`]);
    expect(await on.store.create(draft(), alias(), { key: 'slow', requestHash: hash(1) })).toEqual({
      outcome: 'key_busy',
    });
    await client.query('rollback');
    client.release();
  });

  test('a key is forgotten after 24 hours, and swept', async () => {
    const first = recordOf(await on.store.create(draft(), alias(), { key: 'old', requestHash: hash(1) }));
    const age = "update idempotency_keys set created_at = created_at - interval '12 hours' where workspace_id = $1";
    await on.pool.query(age, [on.workspaceId]);
    await on.store.sweepIdempotencyKeys(100);
    const again = await on.store.create(draft(), alias(), { key: 'old', requestHash: hash(1) });
    expect([again.outcome, recordOf(again).id]).toEqual(['replayed', first.id]);
    await on.pool.query(age, [on.workspaceId]);
    const second = recordOf(await on.store.create(draft(), alias(), { key: 'old', requestHash: hash(2) }));
    expect(second.id).not.toBe(first.id);
    for (let time = 0; time < 2; time++) await on.pool.query(age, [on.workspaceId]);
    expect(await on.store.sweepIdempotencyKeys(100)).toBeGreaterThan(0);
    const { rows } = await on.pool.query('select 1 from idempotency_keys where workspace_id = $1', [on.workspaceId]);
    expect(rows).toEqual([]);
  });

  test('a refused create leaves no key behind', async () => {
    const record = await made();
    const key = { key: 'retry', requestHash: hash(1) };
    expect((await on.store.create(draft(), alias(record.code), key)).outcome).toBe('code_taken');
    expect((await on.store.create(draft(), alias(), key)).outcome).toBe('created');
  });
});
