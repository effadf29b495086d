import { randomUUID } from 'node:crypto';
import { create, toJsonString } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  AnalyticsService,
  ListClicksResponseSchema,
  type WatchClicksResponse,
} from '#gen/analytics/v1/analytics_service_pb.ts';
import type { Click } from '#gen/analytics/v1/click_pb.ts';
import { type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { LinkService, type LookupLinksRequest } from '#gen/link/v1/link_service_pb.ts';
import { BadRequestSchema, ErrorInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import type { PersonCaller } from '#runtime/caller/token.ts';
import { createReplicas } from '#runtime/postgres/replicas.ts';
import { meshClient } from '#runtime/rpc/client.ts';
import { service } from '#runtime/rpc/serve.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { testKeys, testPerson, testService } from '#runtime/testing/keys.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { startTestServer, type TestServer } from '#runtime/testing/test-server.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { createHandlers } from './handlers.ts';
import { postgresLiveStore } from './live/live-clicks.postgres.ts';
import { createLiveFeed } from './live/live-feed.ts';
import { createWatchStreams } from './live/watch-streams.ts';
import { createWorkspaceFeed } from './live/workspace-feed.ts';
import { postgresEraseStore } from './retention/erase.postgres.ts';
import { postgresClickListStore } from './statistics/click-list.postgres.ts';
import { postgresStatsStore } from './statistics/stats-store.postgres.ts';
import { postgresWorkspaceCounts, postgresWorkspaceStore } from './statistics/workspace/workspace-store.postgres.ts';
import { postgresStore } from './store.postgres.ts';
import { soundBatch, testClick } from './testing/clicks.ts';

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
let hasty: TestServer;
let store: ReturnType<typeof postgresStore>;
/** What the link service has; tests change it. */
const records = new Map<string, LinkRecord>();
const revoked = Object.assign(new Set<string>(), { mayHaveForgotten: () => false });
/** Of a stream of `server`: longer than a machine stands still; and of one of `hasty`, which is about its end. */
const [lifetimeMs, shortLifetimeMs] = [20_000, 500];

function keep(changes: Partial<LinkRecord>): LinkRecord {
  const record = create(LinkRecordSchema, { ...link, ...changes });
  records.set(record.code, record);
  return record;
}

/** What the link service answers, with its rules about who may ask. */
async function startLinks(): Promise<TestServer> {
  const find = ({ names, workspaceId, linkIds }: LookupLinksRequest) => [
    ...names.flatMap(({ code }) => records.get(code) ?? []),
    ...[...records.values()].filter((record) => record.workspaceId === workspaceId && linkIds.includes(record.id)),
  ];
  const refuse = (): never => {
    throw new Error('analytics has no business with this call');
  };
  const others = Object.fromEntries(LinkService.methods.map(({ localName }) => [localName, refuse]));
  const handlers = {
    ...others,
    lookupLinks: (request: LookupLinksRequest) => ({
      records: find(request),
      unknownDomains: request.names.flatMap(({ domain }) => (['', 'localhost'].includes(domain) ? [] : domain)),
    }),
  } as unknown as ServiceImpl<typeof LinkService>;
  return startTestServer({ keys, services: [service(LinkService, handlers)] });
}

beforeAll(async () => {
  const database = await postgresFor('analytics');
  const pool = database.openPool({ max: 4, statementTimeoutMs: 20_000 });
  store = postgresStore(pool);
  keep(link);
  keep({ id: randomUUID(), code: 'other', workspaceId: randomUUID() });
  keep({ id: randomUUID(), code: 'deleted', deletedAt: timestampFromMs(now) });
  const linkServer = await startLinks();
  const links = meshClient(LinkService, { addresses: [linkServer.address], issuer: keys.identity('analytics') });
  const reads = createReplicas({ primary: pool, replicas: [], log: silentLog });
  const feed = createLiveFeed({ store: postgresLiveStore(pool), log: silentLog, pollMs: 20 });
  const workspaceFeed = createWorkspaceFeed({ store: postgresWorkspaceCounts(pool), log: silentLog, pollMs: 20 });
  const keeping = { erasure: postgresEraseStore(pool), retentionDays: 400, minutesRetentionDays: 35 };
  const workspaces = postgresWorkspaceStore(reads);
  const stores = { store, workspaces, stats: postgresStatsStore(reads), list: postgresClickListStore(reads) };
  const bounds = { streams: 4, streamsPerCaller: 2, heartbeatMs: 200, checkMs: 50 };
  const serve = async (lifetimeMs: number): Promise<TestServer> => {
    const feeds = { feed, workspaces: workspaceFeed };
    const streams = createWatchStreams({ ...feeds, ...bounds, links, revocations: revoked, lifetimeMs });
    const handlers = createHandlers({ ...stores, ...keeping, streams, links, now: () => now });
    const served = await startTestServer({ keys, services: [service(AnalyticsService, handlers)] });
    closing.push(
      () => served.stop(),
      () => streams.stop(),
    );
    return served;
  };
  server = await serve(lifetimeMs);
  hasty = await serve(shortLifetimeMs);
  closing.push(
    () => feed.stop(),
    () => workspaceFeed.stop(),
    () => linkServer.stop(),
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

test('a domain that is not ours is named, whatever is asked about its link', async () => {
  const question = { code: 'abc', domain: 'other.example' };
  for (const ask of [
    () => asPerson().getLinkStats(question),
    () => asPerson().listClicks(question),
    () => asPerson().watchClicks(question)[Symbol.asyncIterator]().next(),
  ]) {
    const fault = await faultOf(ask());
    expect(fault.code).toBe(Code.InvalidArgument);
    expect(fault.findDetails(ErrorInfoSchema)[0]?.reason).toBe('DOMAIN_UNKNOWN');
    expect(fault.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).toBe('domain');
  }
});

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
    expect(stats.tiers.map(({ tier, clicks }) => [tier, clicks])).toEqual([['l1', 3]]);
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

  test.each(['nothing', 'other', 'deleted'])('a link out of reach (%s) does not exist', async (code) => {
    const fault = await faultOf(asPerson().getLinkStats({ code }));
    expect(fault.code).toBe(Code.NotFound);
    expect(fault.findDetails(ErrorInfoSchema)[0]?.reason).toBe('LINK_NOT_FOUND');
  });

  test.each([
    ['interval', { interval: 'decade' }],
    ['timezone', { timezone: 'Nowhere/City' }],
    ['interval', { interval: '' }],
    ['interval', { interval: 'minute', from: timestampFromMs(now - 10_001 * 60_000) }],
    ['timezone', { timezone: '' }],
    ['from', { from: timestampFromMs(now + 1_000) }],
    ['from', { from: timestampFromMs(now), to: timestampFromMs(now) }],
    ['from', { from: timestampFromMs(Date.UTC(-1, 0)) }],
    ['from', { from: timestampFromMs(-1) }],
    ['to', { to: timestampFromMs(Date.UTC(9999, 0)) }],
    ['to', { to: timestampFromMs(-1) }],
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

describe('ListClicks', () => {
  const at = ({ at }: Click): number => Number(at?.seconds) * 1_000 - now;

  test('answers clicks one by one, newest first, page by page', async () => {
    const first = await asPerson().listClicks({ code: 'abc', pageSize: 2 });
    expect(first.clicks.map(at)).toEqual([-60_000, -120_000]);
    expect(first.clicks[0]).toMatchObject({
      referrer: 'news.example',
      browser: 'Firefox',
      bot: false,
      language: 'en',
      tier: 'l1',
    });
    const second = await asPerson().listClicks({ code: 'abc', pageSize: 2, pageToken: first.nextPageToken });
    expect(second.clicks.map(at)).toEqual([-1_441 * 60_000]);
    expect(second.nextPageToken).toBe('');
  });

  test('bots, HEAD and prefetch are listed where asked for, flagged', async () => {
    const { clicks } = await asPerson().listClicks({ code: 'abc', includeBots: true });
    expect(clicks.map(({ bot, head, prefetch }) => [bot, head, prefetch])).toEqual([
      [false, false, false],
      [false, false, false],
      [true, false, false],
      [false, true, false],
      [false, false, true],
      [false, false, false],
    ]);
  });

  test('nothing in it is a visitor or a request', async () => {
    const answer = await asPerson().listClicks({ code: 'abc' });
    expect(toJsonString(ListClicksResponseSchema, answer)).not.toMatch(
      /[0-9a-f]{8}-|[0-9a-f]{16}|visitor|request|address/i,
    );
  });

  test('page sizes have bounds', async () => {
    expect((await asPerson().listClicks({ code: 'abc', pageSize: 2_000_000_000 })).clicks).toHaveLength(3);
    const fault = await faultOf(asPerson().listClicks({ code: 'abc', pageSize: -1 }));
    expect(fault.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).toBe('page_size');
  });

  test('a token of another link, or of another filter, is refused', async () => {
    keep({ id: randomUUID(), code: 'second' });
    const { nextPageToken: pageToken } = await asPerson().listClicks({ code: 'abc', pageSize: 1 });
    for (const request of [{ code: 'second' }, { code: 'abc', includeBots: true }]) {
      const fault = await faultOf(asPerson().listClicks({ ...request, pageToken }));
      expect(fault.findDetails(ErrorInfoSchema)[0]?.reason).toBe('PAGE_TOKEN_INVALID');
    }
  });

  test.each(['nothing', 'other', 'deleted'])('a link out of reach (%s) does not exist', async (code) => {
    expect((await faultOf(asPerson().listClicks({ code }))).code).toBe(Code.NotFound);
  });

  test('needs the scope', async () => {
    const client = server.client(AnalyticsService, { caller: testPerson({ scopes: ['links:read'] }) });
    expect((await faultOf(client.listClicks({ code: 'abc' }))).code).toBe(Code.PermissionDenied);
  });
});

describe('WatchClicks', () => {
  let deliveries = 0;
  const follow = (linkId: string, flags: number[] = [0]) => {
    const batches = [soundBatch(flags.map((flag) => testClick({ linkId, flags: flag, city: 'London' })))];
    const partition = 100 + deliveries++;
    return store.take({ topic: 't', partition, expected: undefined, next: 1n, batches, notBeforeUs: 0 });
  };
  /** A stream whose first heartbeat was seen. */
  async function watching(caller: PersonCaller, code: string, includeBots?: boolean, of = server) {
    const controller = new AbortController();
    const request = includeBots === undefined ? { code } : { code, includeBots };
    const client = of.client(AnalyticsService, { caller });
    const events = client.watchClicks(request, { signal: controller.signal })[Symbol.asyncIterator]();
    const first = (await events.next()).value as WatchClicksResponse;
    expect(first.event.case).toBe('heartbeat');
    return { events, stop: () => controller.abort() };
  }
  async function clicksOf(events: AsyncIterator<WatchClicksResponse>, count: number): Promise<Click[]> {
    const clicks: Click[] = [];
    while (clicks.length < count) {
      const { value, done } = await events.next();
      if (done) break;
      if (value.event.case === 'click') clicks.push(value.event.value);
    }
    return clicks;
  }
  const rest = async (events: AsyncIterator<WatchClicksResponse>) => {
    const cases: (string | undefined)[] = [];
    for (let next = await events.next(); !next.done; next = await events.next()) cases.push(next.value.event.case);
    return cases;
  };

  test('tells clicks as they are counted, of people unless told otherwise', async () => {
    const { id } = keep({ id: randomUUID(), code: 'live' });
    const people = await watching(person, 'live');
    const all = await watching(person, 'live', true);
    await follow(id, [0, 1, 2, 4, 8]);
    expect(await clicksOf(people.events, 2)).toMatchObject([
      { city: 'London', bot: false, tier: 'l1' },
      { bot: false },
    ]);
    expect((await clicksOf(all.events, 5)).map(({ bot, head, prefetch }) => [bot, head, prefetch])).toContainEqual([
      true,
      false,
      false,
    ]);
    people.stop();
    all.stop();
  });

  test('beats while nothing happens', async () => {
    keep({ id: randomUUID(), code: 'quiet' });
    const { events, stop } = await watching(person, 'quiet');
    for (let beats = 0; beats < 3; beats++)
      expect((await events.next()).value).toMatchObject({ event: { case: 'heartbeat' } });
    stop();
  });

  test('ends without an error when its time is over', async () => {
    keep({ id: randomUUID(), code: 'quiet' });
    const startedAt = Date.now();
    const { events } = await watching(person, 'quiet', false, hasty);
    expect(new Set(await rest(events))).toEqual(new Set(['heartbeat']));
    expect(Date.now() - startedAt).toBeGreaterThan(shortLifetimeMs - 200);
  });

  test('ends when the link is deleted', async () => {
    const kept = keep({ id: randomUUID(), code: 'leaving' });
    const { events } = await watching(person, 'leaving');
    keep({ ...kept, deletedAt: timestampFromMs(now) });
    expect((await faultOf(rest(events))).code).toBe(Code.NotFound);
  });

  test('ends when the code is another link by now', async () => {
    keep({ id: randomUUID(), code: 'renamed' });
    const { events } = await watching(person, 'renamed');
    keep({ id: randomUUID(), code: 'renamed' });
    expect((await faultOf(rest(events))).code).toBe(Code.NotFound);
  });

  test('ends when the credentials are revoked', async () => {
    keep({ id: randomUUID(), code: 'revoked' });
    const { events } = await watching(person, 'revoked');
    revoked.add(person.credentialId);
    expect((await faultOf(rest(events))).code).toBe(Code.Unauthenticated);
    revoked.clear();
  });

  test('one person has so many streams, and so has the process; an ended one makes room', async () => {
    keep({ id: randomUUID(), code: 'busy' });
    const [mine, too] = [await watching(person, 'busy'), await watching(person, 'busy')];
    const fault = await faultOf(watching(person, 'busy'));
    expect(fault.code).toBe(Code.ResourceExhausted);
    expect(fault.metadata.get('retry-after')).toBe('5');
    const colleague = { ...testPerson(), workspaceId: person.workspaceId };
    const [theirs, more] = [await watching(colleague, 'busy'), await watching(colleague, 'busy')];
    const third = { ...testPerson(), workspaceId: person.workspaceId };
    expect((await faultOf(watching(third, 'busy'))).code).toBe(Code.Unavailable);
    mine.stop();
    const again = await waitFor(() => watching(third, 'busy'));
    for (const stream of [too, theirs, more, again]) stream.stop();
  });

  test.each(['nothing', 'other', 'deleted'])('a link out of reach (%s) does not exist', async (code) => {
    expect((await faultOf(watching(person, code))).code).toBe(Code.NotFound);
  });

  test('needs the scope', async () => {
    const caller = testPerson({ scopes: ['links:read'] });
    expect((await faultOf(watching(caller, 'abc'))).code).toBe(Code.PermissionDenied);
  });
});

test('GetClickCounts answers the links that have clicks, and no nonsense', async () => {
  const { clicks } = await asService().getClickCounts({ linkIds: [link.id, randomUUID(), 'nonsense'] });
  expect(clicks).toEqual({ [link.id]: 3 });
});

test('EraseClicks leaves nothing, may be called again, takes no nonsense, and only from the mesh', async () => {
  const linkId = randomUUID();
  await store.take({
    topic: 'erased',
    partition: 0,
    expected: undefined,
    next: 1n,
    batches: [soundBatch([testClick({ linkId, atUs: now * 1_000 })])],
    notBeforeUs: 0,
  });
  expect((await asService().eraseClicks({ linkIds: [linkId] })).clicks).toBe(1);
  expect((await asService().eraseClicks({ linkIds: [linkId], workspaceIds: [randomUUID()] })).clicks).toBe(0);
  expect((await asService().getClickCounts({ linkIds: [linkId] })).clicks).toEqual({});
  expect((await faultOf(asService().eraseClicks({ linkIds: ['nonsense'] }))).code).toBe(Code.InvalidArgument);
  expect((await faultOf(asPerson().eraseClicks({ linkIds: [linkId] }))).code).toBe(Code.PermissionDenied);
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
