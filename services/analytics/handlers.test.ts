import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AnalyticsService } from '#gen/analytics/v1/analytics_service_pb.ts';
import { type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { LinkService, type LookupLinksRequest } from '#gen/link/v1/link_service_pb.ts';
import { BadRequestSchema, ErrorInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { createPool } from '#runtime/postgres/pool.ts';
import { createReplicas } from '#runtime/postgres/replicas.ts';
import { meshClient } from '#runtime/rpc/client.ts';
import { service } from '#runtime/rpc/serve.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { testKeys, testPerson, testService } from '#runtime/testing/keys.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { startTestServer, type TestServer } from '#runtime/testing/test-server.ts';
import { createHandlers } from './handlers.ts';
import { postgresStatsStore } from './stats-store.postgres.ts';
import { postgresStore } from './store.postgres.ts';
import { soundBatch, testClick } from './testing.ts';

const person = testPerson();
const now = Date.UTC(2026, 4, 20, 10, 30);
const link = create(LinkRecordSchema, {
  id: randomUUID(),
  domain: 'localhost',
  code: 'abc',
  workspaceId: person.workspaceId,
  createdAt: timestampFromMs(now - 2 * 86_400_000),
});
const keys = testKeys();
const closing: (() => unknown)[] = [];
let server: TestServer;

/** What the link service answers, with its rules about who may ask. */
async function startLinks(records: readonly LinkRecord[]): Promise<TestServer> {
  const find = ({ names }: LookupLinksRequest) =>
    records.filter((record) => names.some(({ code }) => code === record.code));
  const refuse = (): never => {
    throw new Error('analytics has no business with this call');
  };
  const others = Object.fromEntries(LinkService.methods.map(({ localName }) => [localName, refuse]));
  const handlers = {
    ...others,
    lookupLinks: (request: LookupLinksRequest) => ({ records: find(request) }),
  } as unknown as ServiceImpl<typeof LinkService>;
  return startTestServer({ keys, services: [service(LinkService, handlers)] });
}

beforeAll(async () => {
  const database = await postgresFor('analytics');
  const pool = createPool(database.url, { max: 4, log: silentLog });
  const store = postgresStore(pool);
  const linkServer = await startLinks([
    link,
    create(LinkRecordSchema, { ...link, id: randomUUID(), code: 'other', workspaceId: randomUUID() }),
  ]);
  const links = meshClient(LinkService, { address: linkServer.address, issuer: keys.identity('analytics') });
  const stats = postgresStatsStore(createReplicas({ primary: pool, replicas: [], log: silentLog }));
  server = await startTestServer({
    keys,
    services: [service(AnalyticsService, createHandlers({ store, stats, links, now: () => now }))],
  });
  closing.push(
    () => server.stop(),
    () => linkServer.stop(),
    () => pool.end(),
    () => database.drop(),
  );
  const at = (minutes: number): number => (now - minutes * 60_000) * 1_000;
  const base = { linkId: link.id, visitor: 7n, referrerHost: 'news.example' };
  const clicks = [
    testClick({ ...base, atUs: at(1) }),
    testClick({ ...base, atUs: at(2), referrerHost: '' }),
    testClick({ ...base, atUs: at(1_441), visitor: 8n, language: 'de' }),
    testClick({ ...base, atUs: at(3), flags: 1, visitor: 9n, device: 'bot', browser: '' }),
    testClick({ ...base, atUs: at(4), flags: 2 }),
    testClick({ ...base, atUs: at(5), flags: 4 }),
  ];
  await store.take({
    topic: 't',
    partition: 0,
    expected: undefined,
    next: 1n,
    batches: [soundBatch(clicks)],
    notBeforeUs: 0,
  });
});
afterAll(async () => {
  for (const close of closing) await close();
});

const asPerson = () => server.client(AnalyticsService, { caller: person });
const asService = () => server.client(AnalyticsService, { caller: testService('gateway-edge') });

async function faultOf(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ConnectError) return error;
    throw error;
  }
  throw new Error('The call succeeded.');
}

describe('GetLinkStats', () => {
  test('answers everything that is known', async () => {
    const stats = await asPerson().getLinkStats({ code: 'abc' });
    expect(stats).toMatchObject({ clicks: 3, visitors: 2, bots: 1, heads: 1, prefetches: 1 });
    expect(stats.series.map(({ clicks, visitors }) => [clicks, visitors])).toEqual([
      [0, 0],
      [1, 1],
      [2, 1],
    ]);
    const shares = (list: readonly { value: string; clicks: number; visitors: number }[]) =>
      list.map(({ value, clicks, visitors }) => [value, clicks, visitors]);
    expect(shares(stats.referrers)).toEqual([
      ['news.example', 2, 1],
      ['', 1, 1],
    ]);
    expect(shares(stats.languages)).toEqual([
      ['en', 2, 1],
      ['de', 1, 1],
    ]);
    expect(shares(stats.devices)).toEqual([['desktop', 3, 2]]);
    expect(shares(stats.countries)).toEqual([['', 3, 2]]);
    expect(stats.lastClickAt).toEqual(timestampFromMs(now - 60_000));
  });

  test('with bots, what bots did is part of everything', async () => {
    const stats = await asPerson().getLinkStats({ code: 'abc', includeBots: true });
    expect(stats).toMatchObject({ clicks: 4, visitors: 3, bots: 1 });
    expect(stats.series.at(-1)).toMatchObject({ clicks: 3, visitors: 2 });
    expect(stats.devices.map(({ value, clicks }) => [value, clicks])).toEqual([
      ['desktop', 3],
      ['bot', 1],
    ]);
    expect(stats.browsers.map(({ value, clicks }) => [value, clicks])).toEqual([
      ['Firefox', 3],
      ['', 1],
    ]);
  });

  test('looks at the range alone', async () => {
    const range = { from: timestampFromMs(now - 90_000), to: timestampFromMs(now - 30_000), interval: 'minute' };
    const stats = await asPerson().getLinkStats({ code: 'abc', ...range });
    expect(stats).toMatchObject({ clicks: 1, visitors: 0, bots: 0, heads: 0 });
    expect(stats.series.map(({ at, clicks }) => [Number(at?.seconds) * 1_000 - now, clicks])).toEqual([
      [-120_000, 0],
      [-60_000, 1],
    ]);
    expect(stats.referrers.map(({ value }) => value)).toEqual(['news.example']);
  });

  test.each(['nothing', 'other'])('a link out of reach (%s) does not exist', async (code) => {
    const fault = await faultOf(asPerson().getLinkStats({ code }));
    expect(fault.code).toBe(Code.NotFound);
    expect(fault.findDetails(ErrorInfoSchema)[0]?.reason).toBe('LINK_NOT_FOUND');
  });

  test.each([
    ['interval', { interval: 'decade' }],
    ['timezone', { timezone: 'Nowhere/City' }],
    ['from', { from: timestampFromMs(now + 1_000) }],
  ])('a bad %s is named', async (field, changes) => {
    const fault = await faultOf(asPerson().getLinkStats({ code: 'abc', ...changes }));
    expect(fault.code).toBe(Code.InvalidArgument);
    expect(fault.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).toBe(field);
  });

  test('needs the scope', async () => {
    const client = server.client(AnalyticsService, { caller: testPerson({ scopes: ['links:read'] }) });
    expect((await faultOf(client.getLinkStats({ code: 'abc' }))).code).toBe(Code.PermissionDenied);
  });
});

test('GetClickCounts answers the links that have clicks, and no nonsense', async () => {
  const { clicks } = await asService().getClickCounts({ linkIds: [link.id, randomUUID(), 'nonsense'] });
  expect(clicks).toEqual({ [link.id]: 3 });
});

test('GetVisitorSalts answers today and tomorrow, always the same, and only to the mesh', async () => {
  const { salts } = await asService().getVisitorSalts({});
  expect(salts.map(({ day, salt }) => [day, salt.length])).toEqual([
    ['2026-05-20', 32],
    ['2026-05-21', 32],
  ]);
  expect((await asService().getVisitorSalts({})).salts).toEqual(salts);
  const code = (await faultOf(asPerson().getVisitorSalts({}))).code;
  expect([Code.PermissionDenied, Code.Unauthenticated]).toContain(code);
});
