import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createPool } from '#runtime/postgres/pool.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { postgresStore } from './store.postgres.ts';
import { testKey } from './testing/resolver-fixture.ts';
import { primaryTier, replicaTier } from './tiers/postgres-tier.ts';

const limits = { timeoutMs: 1_000, connections: 4, budgetMs: 1_000, log: silentLog };
let database: TestDatabase;
let owner: Pool;
let reader: Pool;

beforeAll(async () => {
  database = await postgresFor('link');
  owner = createPool(database.url, { max: 2, connectTimeoutMs: 20_000, statementTimeoutMs: 20_000, log: silentLog });
  reader = createPool(database.urlAs('hop_resolver'), {
    max: 4,
    connectTimeoutMs: 20_000,
    statementTimeoutMs: 20_000,
    log: silentLog,
  });
  await owner.query(
    `insert into link.links (domain, code, id, version, workspace_id, created_by, number, code_key_id, destination,
       redirect_status, title, tags, disabled, created_at, updated_at, expires_at, deleted_at)
     values
       ('go.example', 'offer', '018f0000-0000-7000-8000-000000000001', 9007199254740993,
        '018f0000-0000-7000-8000-0000000000aa', '018f0000-0000-7000-8000-0000000000bb', 3521614606207, 1,
        'https://destination.example/a?b=c', 308, 'Title', '{a,b}', true, '2026-01-02T03:04:05.678Z',
        '2026-01-02T03:04:06Z', '2027-01-01T00:00:00Z', null),
       ('go.example', 'größe', '018f0000-0000-7000-8000-000000000002', 2,
        '018f0000-0000-7000-8000-0000000000aa', '018f0000-0000-7000-8000-0000000000bb', 0, 0,
        'https://destination.example/', 302, '', '{}', false, now(), now(), null, now())`,
  );
});
afterAll(async () => {
  await reader.end();
  await owner.end();
  await database.drop();
});

it('reads a whole row as the role of the resolver', async () => {
  const [record] = await postgresStore(reader).find([testKey]);
  expect(record).toMatchObject({
    id: '018f0000-0000-7000-8000-000000000001',
    domain: 'go.example',
    code: 'offer',
    version: 9_007_199_254_740_993n,
    number: 3_521_614_606_207n,
    codeKeyId: 1,
    destination: 'https://destination.example/a?b=c',
    redirectStatus: 308,
    title: 'Title',
    tags: ['a', 'b'],
    disabled: true,
    createdAt: { seconds: 1_767_323_045n, nanos: 678_000_000 },
    expiresAt: { seconds: 1_798_761_600n, nanos: 0 },
  });
  expect(record?.deletedAt).toBeUndefined();
});

it('reads deleted links, tells codes apart by case and domain, and takes any text', async () => {
  const others = [{ code: 'größe' }, { code: 'Offer' }, { domain: 'other.example' }, { code: `' or ''='` }];
  const [deleted, ...none] = await postgresStore(reader).find(others.map((other) => ({ ...testKey, ...other })));
  expect(deleted?.deletedAt).toBeDefined();
  expect(none).toEqual([undefined, undefined, undefined]);
});

it('answers in the order of the keys, the same key twice if it is asked for twice', async () => {
  const keys = ['größe', 'nowhere', 'offer', 'größe'].map((code) => ({ ...testKey, code }));
  const found = await postgresStore(reader).find(keys);
  expect(found.map((record) => record?.code)).toEqual(['größe', undefined, 'offer', 'größe']);
});

it('may read nothing else, and write nothing', async () => {
  await expect(reader.query('select * from link.links')).rejects.toMatchObject({ code: '42501' });
  await expect(reader.query('delete from link.followable')).rejects.toMatchObject({ code: '42501' });
});

it('goes on to the next replica when one does not answer, and passes it over once its breaker is open', async () => {
  const dead = createPool('postgres://hop_resolver@127.0.0.1:1/none', {
    max: 2,
    connectTimeoutMs: 200,
    log: silentLog,
  });
  const options = { ...limits, resetMs: 60_000 };
  let asked = 0;
  const deadStore = {
    find: (keys: readonly (typeof testKey)[]) => {
      asked++;
      return postgresStore(dead).find(keys);
    },
  };
  const tier = replicaTier([deadStore, postgresStore(reader)], options);
  for (let call = 0; call < 30; call++) {
    expect(await tier?.find(testKey)).toMatchObject({ record: { code: 'offer' } });
  }
  expect(asked).toBe(5);
  await dead.end();
});

it('asks the replicas in turn', async () => {
  const asked: string[] = [];
  const counted = (name: string) => ({
    find(keys: readonly (typeof testKey)[]) {
      asked.push(name);
      return postgresStore(reader).find(keys);
    },
  });
  const tier = replicaTier([counted('a'), counted('b')], { ...limits, resetMs: 60_000 });
  for (let call = 0; call < 4; call++) await tier?.find(testKey);
  expect(asked).toEqual(['a', 'b', 'a', 'b']);
});

it('asks the other replica, however many questions fail at once', async () => {
  const none = { find: () => Promise.reject(new Error('It is away.')) };
  const tier = replicaTier([none, postgresStore(reader)], { ...limits, resetMs: 60_000 });
  const keys = Array.from({ length: 40 }, () => sleep(0).then(() => tier?.find(testKey)));
  for (const found of await Promise.all(keys)) expect(found).toMatchObject({ record: { code: 'offer' } });
});

it('passes a replica over whose every answer is late', async () => {
  let asked = 0;
  const slow = {
    async find(keys: readonly (typeof testKey)[]) {
      asked++;
      await sleep(60);
      return postgresStore(reader).find(keys);
    },
  };
  const tier = replicaTier([slow, postgresStore(reader)], { ...limits, lateMs: 50, resetMs: 60_000 });
  await waitFor(async () => {
    const before = asked;
    for (let call = 0; call < 4; call++) await tier?.find(testKey);
    return asked === before;
  });
});

it('finds a primary that was given up to be back, and looks at one that is away only now and then', async () => {
  const options = { ...limits, resetMs: 60_000 };
  let away = true;
  let looks = 0;
  const whenThere = async <Result>(answer: () => Promise<Result>): Promise<Result> => {
    if (away) throw new Error('It is away.');
    return answer();
  };
  const look = (): Promise<unknown> => {
    looks++;
    return whenThere(() => sleep(50).then(() => reader.query('select 1')));
  };
  const store = postgresStore(reader);
  const primary = primaryTier({ find: (keys) => whenThere(() => store.find(keys)) }, look, options);
  expect([await primary.isBack(), looks]).toEqual([true, 0]);
  for (let call = 0; call < 5; call++) await expect(primary.find(testKey)).rejects.toThrow('It is away.');
  expect([await primary.isBack(), looks]).toEqual([false, 1]);
  away = false;
  await expect(primary.find(testKey)).rejects.toThrow('primary does not answer');
  await waitFor(primary.isBack);
  const counted = looks;
  expect(await primary.find(testKey)).toMatchObject({ record: { code: 'offer' } });
  expect(looks).toBe(counted);
});

it('looks again at a primary that refused, for who asks just then', async () => {
  let away = true;
  const look = async (): Promise<void> => {
    await sleep(30);
    if (away) throw new Error('It is starting.');
  };
  const none = { find: () => Promise.reject(new Error('It is away.')) };
  const primary = primaryTier(none, look, { ...limits, resetMs: 60_000 });
  for (let call = 0; call < 5; call++) await primary.find(testKey).catch(() => {});
  expect(await primary.isBack()).toBe(false);
  away = false;
  expect(await primary.isBack()).toBe(true);
});

it('looks once for all who ask at the same time, and after one that hung not again for a while', async () => {
  let looks = 0;
  const look = async (): Promise<never> => {
    looks++;
    await sleep(50);
    throw new Error('It is away.');
  };
  const none = { find: () => Promise.reject(new Error('It is away.')) };
  const primary = primaryTier(none, look, { ...limits, timeoutMs: 60, resetMs: 60_000 });
  for (let call = 0; call < 5; call++) await primary.find(testKey).catch(() => {});
  expect(await Promise.all([primary.isBack(), primary.isBack()])).toEqual([false, false]);
  expect([await primary.isBack(), looks]).toEqual([false, 1]);
});

it('has no replica tier where there is no replica', () => {
  expect(replicaTier([], { ...limits, resetMs: 100 })).toBeUndefined();
});
