import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ResolverService } from '#gen/resolver/v1/resolver_service_pb.ts';
import { ErrorInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { service } from '#runtime/rpc/serve.ts';
import { createDomains } from '#runtime/shortlink/link-key.ts';
import { testPerson, testService } from '#runtime/testing/keys.ts';
import { startTestServer, type TestServer } from '#runtime/testing/test-server.ts';
import { createLinkClock } from '#runtime/watch/link-clock.ts';
import { createAnswerCounts } from './answer-counts.ts';
import type { CachedLink } from './cached-link.ts';
import { createHandlers } from './handlers.ts';
import { createTakeUse, type TakeUseOptions } from './take-use.ts';
import { resolverFixture, testRecord } from './testing/resolver-fixture.ts';
import { createUnknownCodes } from './unknown-codes.ts';

const wallClock = 1_800_000_000_000;
const domains = createDomains({ domains: ['go.example'], hostAliases: ['127.0.0.1'] });
const timestamp = (ms: number) => ({
  $typeName: 'google.protobuf.Timestamp' as const,
  seconds: BigInt(Math.floor(ms / 1_000)),
  nanos: 0,
});

/** Two unknown codes a minute; what is beyond is refused, because nothing is held back. */
const unknownCodesLimit = 2;
function parts() {
  const limit = { calls: unknownCodesLimit, periodSeconds: 60 };
  const bounds = { longestWaitMs: 0, maxWaiting: 1, maxAddresses: 10 };
  const unknownCodes = createUnknownCodes({ limit, ...bounds, now: () => wallClock, sleep: async () => {} });
  return { answerCounts: createAnswerCounts(), unknownCodes, unknownCodesLimit };
}

let server: TestServer;
let fixture: ReturnType<typeof resolverFixture>;
/** What the link service says to who wants to follow a link with a limit; and for which it was asked. */
let useOf: TakeUseOptions['ask'];
let asked: CachedLink[];

beforeEach(async () => {
  fixture = resolverFixture();
  fixture.settle();
  const { resolver, freshness } = fixture;
  const clock = createLinkClock(freshness, () => wallClock);
  asked = [];
  useOf = async () => ({ granted: true });
  const ask: TakeUseOptions['ask'] = (link, options) => {
    asked.push(link);
    return useOf(link, options);
  };
  const takeUse = createTakeUse({ ask, wallClock: clock });
  const handlers = createHandlers({ resolver, takeUse, domains, ...parts(), wallClock: clock });
  server = await startTestServer({ services: [service(ResolverService, handlers)] });
});
afterEach(() => server.stop());

/** What Envoy sees. */
async function follow(code: string, headers: Record<string, string> = {}) {
  let seen = new Headers();
  const body = await server.client(ResolverService).redirect(
    { code },
    {
      headers,
      onHeader: (all) => {
        seen = all;
      },
    },
  );
  return { headers: seen, type: body.contentType, body: Buffer.from(body.data).toString() };
}

describe('Redirect', () => {
  it('leads on, byte for byte, cold and from memory alike but for the tier', async () => {
    fixture.everywhere(testRecord());
    const cold = await follow('offer');
    const hot = await follow('offer');
    for (const [answer, tier] of [
      [cold, 'redis'],
      [hot, 'l1'],
    ] as const) {
      expect(answer.headers.get('x-status')).toBe('302');
      expect(answer.headers.get('location')).toBe('https://destination.example/a?b=c');
      expect(answer.headers.get('cache-control')).toBe('private, no-store');
      expect(answer.headers.get('x-hop-click')).toBe(
        `018f0000-0000-7000-8000-000000000001;018f0000-0000-7000-8000-0000000000aa;1;${tier};go.example;offer`,
      );
      expect([answer.type, answer.body]).toEqual(['text/plain; charset=utf-8', '']);
    }
    cold.headers.delete('x-hop-click');
    hot.headers.delete('x-hop-click');
    cold.headers.delete('date');
    hot.headers.delete('date');
    expect([...cold.headers]).toEqual([...hot.headers]);
  });

  it.each([
    [301, 'private, max-age=30'],
    [302, 'private, no-store'],
    [307, 'private, no-store'],
    [308, 'private, max-age=30'],
  ])('of a link with status %i says %s', async (redirectStatus, cacheControl) => {
    fixture.everywhere(testRecord({ redirectStatus }));
    const { headers } = await follow('offer');
    expect([headers.get('x-status'), headers.get('cache-control')]).toEqual([String(redirectStatus), cacheControl]);
  });

  it('finds a link by any normal form of its code, and writes the code in ASCII', async () => {
    const record = testRecord({ code: 'gr\u00f6\u00dfe' });
    fixture.redis.rows.set('go.example/gr\u00f6\u00dfe', { record });
    const { headers } = await follow('gro\u0308\u00dfe');
    expect(headers.get('x-status')).toBe('302');
    expect(headers.get('x-hop-click')).toMatch(/;gr%C3%B6%C3%9Fe$/);
  });

  it.each(['a/b', 'a b', '%zz', '\u0000', '', '+', 'x'.repeat(65)])(
    'answers 404 to %j without a lookup',
    async (code) => {
      const { headers, body } = await follow(code);
      expect(headers.get('x-status')).toBe('404');
      expect(body).toContain('There is no such link.');
      expect(fixture.redis.asked).toBe(0);
    },
  );

  it('slows an address that asks for unknown codes, and no link of its neighbours', async () => {
    const from = { 'x-envoy-external-address': '192.0.2.7', accept: 'application/json' };
    fixture.everywhere(testRecord());
    fixture.redis.rows.set('go.example/cold', { record: testRecord({ code: 'cold' }) });
    await follow('offer', from);
    const statuses: (string | null)[] = [];
    for (const code of ['none1', 'none2', 'none3']) statuses.push((await follow(code, from)).headers.get('x-status'));
    expect(statuses).toEqual(['404', '404', '429']);
    const asked = fixture.redis.asked;
    const refused = await follow('none4', from);
    expect(Object.fromEntries(refused.headers)).toMatchObject({
      'x-status': '429',
      'retry-after': '30',
      'x-ratelimit-limit': '2',
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': String(wallClock / 1_000 + 60),
      'cache-control': 'private, no-store',
    });
    expect(JSON.parse(refused.body).details[0].reason).toBe('RATE_LIMITED');
    expect(fixture.redis.asked).toBe(asked);
    expect((await follow('offer', from)).headers.get('x-status')).toBe('302');
    expect((await follow('cold', { 'x-envoy-external-address': '192.0.2.8' })).headers.get('x-status')).toBe('302');
    expect((await follow('none4', { ...from, accept: 'text/html' })).type).toContain('text/html');
  });

  it('answers 404 to a host that is not ours', async () => {
    const strangers = createDomains({ domains: ['go.example'] });
    const handlers = createHandlers({
      ...{ ...fixture, ...parts(), domains: strangers, wallClock: Date.now },
      takeUse: async () => ({ kind: 'unavailable' }),
    });
    const other = await startTestServer({ services: [service(ResolverService, handlers)] });
    let status: string | null = null;
    const onHeader = (headers: Headers): void => {
      status = headers.get('x-status');
    };
    await other.client(ResolverService).redirect({ code: 'offer' }, { onHeader });
    await other.stop();
    expect(status).toBe('404');
    expect(fixture.redis.asked).toBe(0);
  });

  it.each([
    ['expired', { expiresAt: timestamp(wallClock) }, 'LINK_EXPIRED'],
    ['disabled', { disabled: true }, 'LINK_DISABLED'],
    ['used up', { maxClicks: 2, usedUp: true }, 'LINK_USED_UP'],
    ['deleted', { deletedAt: timestamp(wallClock - 1) }, 'LINK_DELETED'],
  ])('of a link that is %s answers 410, as a page and as JSON', async (_state, fields, reason) => {
    fixture.everywhere(testRecord(fields));
    const page = await follow('offer');
    expect(page.headers.get('x-status')).toBe('410');
    expect(page.headers.get('x-hop-click')).toBeNull();
    expect(page.headers.get('location')).toBeNull();
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(page.type).toBe('text/html; charset=utf-8');
    const json = await follow('offer', { accept: 'application/json' });
    expect(json.type).toBe('application/json');
    expect(json.headers.get('vary')).toBe('accept');
    const body = JSON.parse(json.body) as { code: number; details: { reason: string; domain: string }[] };
    expect(body.details[0]).toMatchObject({ reason, domain: 'hopline' });
  });

  describe('of a link with a limit', () => {
    const limited = (fields = {}) => testRecord({ maxClicks: 2, redirectStatus: 301, ...fields });
    const statusOf = async (headers: Record<string, string> = {}, code = 'offer') =>
      (await follow(code, headers)).headers.get('x-status');
    beforeEach(() => fixture.everywhere(limited()));

    it('asks for a use before each follow, from memory too, and lets no browser keep the redirect', async () => {
      for (const times of [1, 2]) {
        const { headers } = await follow('offer');
        expect([headers.get('x-status'), headers.get('cache-control')]).toEqual(['301', 'private, no-store']);
        expect(headers.get('x-hop-click')).toMatch(/;1;(redis|l1);/);
        expect(asked.map(({ version }) => version)).toEqual(Array(times).fill(1n));
      }
    });

    it('takes none for HEAD, the preview, and what shows a link in a chat', async () => {
      const slack = { 'user-agent': 'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)' };
      expect(await statusOf({ 'x-hop-method': 'HEAD' })).toBe('301');
      expect(await statusOf({}, 'offer+')).toBe('200');
      const shown = await follow('offer', slack);
      expect([shown.headers.get('x-status'), shown.headers.get('x-hop-click')]).toEqual(['200', null]);
      const { headers } = await follow('offer', { ...slack, 'x-hop-method': 'HEAD' });
      expect([headers.get('x-status'), headers.get('location')]).toEqual(['200', null]);
      expect(asked).toEqual([]);
      expect(await statusOf({ 'user-agent': 'curl/8.5.0' })).toBe('301');
      fixture.everywhere(testRecord({ version: 2n }));
      fixture.l1.apply(testRecord({ version: 2n }), '');
      expect(await statusOf(slack)).toBe('302');
    });

    it('goes where the primary says, when that is newer', async () => {
      useOf = async () => ({ granted: true, record: limited({ version: 9n, destination: 'https://new.example/' }) });
      const { headers } = await follow('offer');
      expect(headers.get('location')).toBe('https://new.example/');
      expect(headers.get('x-hop-click')).toMatch(/;9;primary;/);
    });

    it.each([
      ['410', 'LINK_USED_UP', { usedUp: true }],
      ['410', 'LINK_DISABLED', { disabled: true, usedUp: true }],
      ['410', 'LINK_EXPIRED', {}],
      ['404', 'LINK_NOT_FOUND', { id: '' }],
    ])('answers %s %s when the primary refuses it for that', async (status, reason, fields) => {
      useOf = async () => ({ granted: false, record: limited(fields) });
      const { headers, body } = await follow('offer', { accept: 'application/json' });
      expect([headers.get('x-status'), JSON.parse(body).details[0].reason]).toEqual([status, reason]);
      expect([headers.get('location'), headers.get('x-hop-click')]).toEqual([null, null]);
    });

    it('answers 503 with Retry-After while nobody can say whether there is a use left', async () => {
      useOf = async () => Promise.reject(new Error('away'));
      const { headers } = await follow('offer');
      expect([headers.get('x-status'), headers.get('retry-after')]).toEqual(['503', '1']);
      expect(headers.get('location')).toBeNull();
    });

    it('asks for none that is known to be used up, and says so to HEAD as well', async () => {
      fixture.everywhere(limited({ usedUp: true }));
      expect([await statusOf(), await statusOf({ 'x-hop-method': 'HEAD' })]).toEqual(['410', '410']);
      expect(asked).toEqual([]);
    });
  });

  it('follows a link until the millisecond of its end', async () => {
    fixture.everywhere(testRecord({ expiresAt: timestamp(wallClock + 1_000) }));
    expect((await follow('offer')).headers.get('x-status')).toBe('302');
  });

  it('follows no link that has ended by the clock of the primary, although this host has another time', async () => {
    fixture.everywhere(testRecord({ expiresAt: timestamp(wallClock + 1_000) }));
    fixture.freshness.heartbeat(wallClock + 999);
    expect((await follow('offer')).headers.get('x-status')).toBe('302');
    fixture.now.advance(1);
    expect((await follow('offer')).headers.get('x-status')).toBe('410');
  });

  it('shows where a link leads without counting a click', async () => {
    fixture.everywhere(testRecord());
    const cold = await follow('offer+');
    await follow('offer');
    for (const { headers, body } of [cold, await follow('offer+')]) {
      expect(headers.get('x-status')).toBe('200');
      expect(headers.get('x-hop-click')).toBeNull();
      expect(headers.get('location')).toBeNull();
      expect(body).toContain('https://destination.example/a?b=c');
    }
  });

  it('sends no body on HEAD', async () => {
    const { headers, body, type } = await follow('nothing', { 'x-hop-method': 'HEAD' });
    expect([headers.get('x-status'), body, type]).toEqual(['404', '', 'text/html; charset=utf-8']);
  });

  it('answers 503 with Retry-After when no store answers', async () => {
    for (const store of [fixture.redis, fixture.replica, fixture.primary]) store.down = true;
    const { headers, body } = await follow('offer', { accept: 'application/json' });
    expect([headers.get('x-status'), headers.get('retry-after')]).toEqual(['503', '1']);
    expect(JSON.parse(body)).toMatchObject({
      code: 14,
      details: [{ reason: 'DEPENDENCY_UNAVAILABLE' }, { retry_delay: '1s' }],
    });
  });

  it('lets nobody keep a 301 that it is not sure of', async () => {
    fixture.everywhere(testRecord({ redirectStatus: 301 }));
    await follow('offer');
    for (const store of [fixture.redis, fixture.replica, fixture.primary]) store.down = true;
    fixture.now.advance(2_000);
    const { headers } = await follow('offer');
    expect([headers.get('x-status'), headers.get('cache-control')]).toEqual(['301', 'private, no-store']);
  });
});

describe('Resolve', () => {
  const asTeam = () => server.client(ResolverService, { caller: testPerson({ scopes: ['links:resolve'] }) });

  async function failure(call: Promise<unknown>): Promise<[Code, string | undefined]> {
    const error = ConnectError.from(
      await call.then(
        () => undefined,
        (fault: unknown) => fault,
      ),
    );
    return [error.code, error.findDetails(ErrorInfoSchema)[0]?.reason];
  }

  it('says where a link leads, and how it knows', async () => {
    fixture.everywhere(testRecord({ version: 7n, expiresAt: timestamp(wallClock + 1_000) }));
    const answer = await asTeam().resolve({ code: 'offer' });
    expect(answer).toMatchObject({
      linkId: '018f0000-0000-7000-8000-000000000001',
      code: 'offer',
      domain: 'go.example',
      longUrl: 'https://destination.example/a?b=c',
      redirectStatus: 302,
      version: 7n,
      tier: 'redis',
      stale: false,
      expiresAt: { seconds: 1_800_000_001n },
    });
    expect((await asTeam().resolve({ code: 'offer', domain: 'GO.example' })).tier).toBe('l1');
  });

  it('says how often it can be followed, and takes none of that', async () => {
    fixture.everywhere(testRecord({ maxClicks: 3 }));
    expect((await asTeam().resolve({ code: 'offer' })).maxClicks).toBe(3);
    expect(asked).toEqual([]);
    fixture.l1.apply(testRecord({ version: 2n, maxClicks: 3, usedUp: true }), '');
    expect(await failure(asTeam().resolve({ code: 'offer' }))).toEqual([Code.FailedPrecondition, 'LINK_USED_UP']);
  });

  it('flags what it could not check', async () => {
    fixture.everywhere(testRecord());
    await asTeam().resolve({ code: 'offer' });
    for (const store of [fixture.redis, fixture.replica, fixture.primary]) store.down = true;
    fixture.now.advance(2_000);
    expect(await asTeam().resolve({ code: 'offer' })).toMatchObject({ stale: true, tier: 'l1' });
  });

  it('names each failure', async () => {
    expect(await failure(asTeam().resolve({ code: 'nothing' }))).toEqual([Code.NotFound, 'LINK_NOT_FOUND']);
    expect(await failure(asTeam().resolve({ code: 'a/b' }))).toEqual([Code.NotFound, 'LINK_NOT_FOUND']);
    expect(await failure(asTeam().resolve({ code: 'x', domain: 'no.example' }))).toEqual([
      Code.NotFound,
      'LINK_NOT_FOUND',
    ]);
    fixture.everywhere(testRecord({ disabled: true }));
    expect(await failure(asTeam().resolve({ code: 'offer' }))).toEqual([Code.FailedPrecondition, 'LINK_DISABLED']);
    for (const store of [fixture.redis, fixture.replica, fixture.primary]) store.down = true;
    expect(await failure(asTeam().resolve({ code: 'other' }))).toEqual([Code.Unavailable, 'DEPENDENCY_UNAVAILABLE']);
  });

  it('is for teams with the scope and for processes of the mesh', async () => {
    fixture.everywhere(testRecord());
    const withoutScope = server.client(ResolverService, {
      caller: testPerson({ kind: 'api_key', scopes: ['links:read'] }),
    });
    expect(await failure(withoutScope.resolve({ code: 'offer' }))).toEqual([Code.PermissionDenied, 'SCOPE_MISSING']);
    const nobody = server.client(ResolverService);
    expect((await failure(nobody.resolve({ code: 'offer' })))[0]).toBe(Code.Unauthenticated);
    const mesh = server.client(ResolverService, { caller: testService('gateway-edge') });
    expect((await mesh.resolve({ code: 'offer' })).code).toBe('offer');
  });
});
