import { randomUUID } from 'node:crypto';
import { type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { describe, expect, test } from 'vitest';
import { AnalyticsService } from '#gen/analytics/v1/analytics_service_pb.ts';
import type { WatchWorkspaceResponse } from '#gen/analytics/v1/workspace_stats_pb.ts';
import { BadRequestSchema } from '#gen-google/rpc/error_details_pb.ts';
import type { PersonCaller } from '#runtime/caller/token.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { testPerson } from '#runtime/testing/keys.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { createWorkspaceFeed } from '../../live/workspace-feed.ts';
import { postgresEraseStore } from '../../retention/erase.postgres.ts';
import { type Difference, reconcile } from '../../retention/reconcile.postgres.ts';
import { type TestClick, testClick } from '../../testing/clicks.ts';
import { faultOf, now, shortLifetimeMs, useTestAnalytics } from '../../testing/test-analytics.ts';

const hour = 3_600_000;
const day = 24 * hour;
const analytics = useTestAnalytics();
const { given, keep, take } = analytics;

/** A workspace of its own, with somebody in it. */
function newWorkspace() {
  const person = testPerson();
  const client = analytics.server.client(AnalyticsService, { caller: person });
  const link = (code: string, changes: { deletedAt?: Timestamp } = {}): string =>
    keep({ code, title: `Title of ${code}`, workspaceId: person.workspaceId, ...changes }).id;
  const click = (linkId: string, at: number, changes: Partial<TestClick> = {}): TestClick =>
    testClick({ linkId, atUs: at * 1_000, workspaceId: person.workspaceId, ...changes });
  return { person, client, link, click };
}

describe('GetWorkspaceStats', () => {
  test('adds up all links of the workspace, names those with most clicks, and compares with the period before', async () => {
    const { client, link, click } = newWorkspace();
    const [one, two, none] = [link('one'), link('two', { deletedAt: timestampFromMs(now) }), link('none')];
    const gone = randomUUID();
    await take([
      ...Array.from({ length: 4 }, (_, n) => click(one, now - n * day, { visitor: 7n })),
      ...Array.from({ length: 6 }, (_, n) => click(two, now - hour + n)),
      click(two, now - 29 * day, { flags: 1 }),
      click(none, now, { flags: 2 }),
      ...Array.from({ length: 9 }, () => click(gone, now - 2 * day)),
      ...Array.from({ length: 3 }, (_, n) => click(one, now - (31 + n) * day)),
    ]);
    await take(newWorkspaceClicks());
    const stats = await client.getWorkspaceStats({});
    expect(stats).toMatchObject({ clicks: 19, visitors: 19, bots: 1, links: 3 });
    expect(stats.series).toHaveLength(31);
    expect(stats.series.at(-1)).toMatchObject({ clicks: 7 });
    expect(stats.series.reduce((sum, { clicks }) => sum + clicks, 0)).toBe(19);
    const top = stats.topLinks.map(({ code, title, clicks, visitors, deleted }) => [
      code,
      title,
      clicks,
      visitors,
      deleted,
    ]);
    expect(top).toEqual([
      ['two', 'Title of two', 6, 6, true],
      ['one', 'Title of one', 4, 4, false],
    ]);
    expect(stats.previous).toMatchObject({ clicks: 3, visitors: 3, bots: 0, to: timestampFromMs(now - 30 * day) });
    expect(stats.previous?.series.reduce((sum, { clicks }) => sum + clicks, 0)).toBe(3);
    expect((await client.getWorkspaceStats({ topLinks: 1 })).topLinks.map(({ code }) => code)).toEqual(['two']);
    const all = await client.getWorkspaceStats({ includeBots: true });
    expect(all).toMatchObject({ clicks: 20, visitors: 20, bots: 1 });
    expect(all.topLinks[0]).toMatchObject({ code: 'two', clicks: 7 });
  });

  function newWorkspaceClicks(): TestClick[] {
    const { link, click } = newWorkspace();
    return [click(link('theirs'), now)];
  }

  test('counts without the names where the link service does not say them, and says so', async () => {
    const { client, link, click } = newWorkspace();
    await take([click(link('unnamed'), now)]);
    for (const code of [Code.Unavailable, Code.DeadlineExceeded, Code.ResourceExhausted]) {
      given.linksRefuse = code;
      const stats = await client.getWorkspaceStats({}).finally(() => {
        given.linksRefuse = undefined;
      });
      expect(stats).toMatchObject({ clicks: 1, links: 1, topLinks: [], topLinksUnnamed: true });
    }
    expect(await client.getWorkspaceStats({})).toMatchObject({
      topLinks: [{ code: 'unnamed' }],
      topLinksUnnamed: false,
    });
    given.linksRefuse = Code.Internal;
    const fault = await faultOf(client.getWorkspaceStats({})).finally(() => {
      given.linksRefuse = undefined;
    });
    expect(fault.code).toBe(Code.Internal);
  });

  test('of a workspace that nobody followed: zeros, and no question to anybody', async () => {
    const stats = await newWorkspace().client.getWorkspaceStats({ interval: 'week' });
    expect(stats).toMatchObject({ clicks: 0, visitors: 0, bots: 0, links: 0, topLinks: [] });
    expect(stats.series.length).toBeGreaterThan(3);
  });

  test('ranges that lie side by side add up, wherever they cut an hour, and the links add up to the whole', async () => {
    const { client, link, click } = newWorkspace();
    const linkIds = Array.from({ length: 8 }, (_, n) => link(`side-${n}`));
    const from = now - 5 * day;
    const clicks = Array.from({ length: 300 }, (_, n) =>
      click(linkIds[n % 8] ?? '', from + Math.floor(Math.random() * 5 * day)),
    );
    await take(clicks);
    const whole = await client.getWorkspaceStats({ from: timestampFromMs(from) });
    expect(whole).toMatchObject({ clicks: 300, links: 8 });
    for (const cut of [from + day, now - 100 * 60_000, from + 7 * hour + 1]) {
      const [before, after] = await Promise.all([
        client.getWorkspaceStats({ from: timestampFromMs(from), to: timestampFromMs(cut) }),
        client.getWorkspaceStats({ from: timestampFromMs(cut) }),
      ]);
      expect(before.clicks + after.clicks).toBe(300);
      for (const part of [before, after])
        expect(part.topLinks.reduce((sum, top) => sum + top.clicks, 0)).toBe(part.clicks);
    }
  });

  test('days begin where the zone says; what half an hour cuts belongs to the day that begins in it', async () => {
    const { client, link, click } = newWorkspace();
    const id = link('zone');
    const at = (text: string) => Date.parse(text);
    await take(
      ['2026-05-18T21:59:00Z', '2026-05-18T22:00:00Z', '2026-05-19T18:10:00Z'].map((text) => click(id, at(text))),
    );
    const range = {
      from: timestampFromMs(at('2026-05-17T22:00:00Z')),
      to: timestampFromMs(at('2026-05-19T22:00:00Z')),
    };
    const berlin = await client.getWorkspaceStats({ ...range, timezone: 'Europe/Berlin' });
    expect(berlin.series.map(({ clicks }) => clicks)).toEqual([1, 2]);
    const kolkata = await client.getWorkspaceStats({ ...range, timezone: 'Asia/Kolkata' });
    expect(kolkata.series.map(({ clicks }) => clicks)).toEqual([0, 2, 1]);
  });

  test.each([
    ['interval', { interval: 'minute' }],
    ['timezone', { timezone: 'Nowhere/City' }],
    ['from', { from: timestampFromMs(now), to: timestampFromMs(now) }],
    ['to', { to: timestampFromMs(-1) }],
    ['top_links', { topLinks: -1 }],
  ])('a bad %s is named', async (field, request) => {
    const fault = await faultOf(newWorkspace().client.getWorkspaceStats(request));
    expect(fault.code).toBe(Code.InvalidArgument);
    expect(fault.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).toBe(field);
  });

  test('needs the scope', async () => {
    const client = analytics.server.client(AnalyticsService, { caller: testPerson({ scopes: ['links:read'] }) });
    expect((await faultOf(client.getWorkspaceStats({}))).code).toBe(Code.PermissionDenied);
  });

  test('partitions that count one workspace at once agree with its links, also after one of them is erased', async () => {
    const { client, link, click } = newWorkspace();
    const linkIds = Array.from({ length: 6 }, (_, n) => link(`many-${n}`));
    await Promise.all(
      linkIds.map((id, of) =>
        take(
          Array.from({ length: 50 }, (_, n) => click(id, now - n * hour)),
          of,
        ),
      ),
    );
    expect((await client.getWorkspaceStats({})).clicks).toBe(300);
    const erasure = postgresEraseStore(analytics.pool, { batch: 7 });
    await erasure.ask({ linkIds: linkIds.slice(0, 1), workspaceIds: [] });
    await erasure.run();
    expect(await client.getWorkspaceStats({})).toMatchObject({ clicks: 250, visitors: 250, links: 5 });
    const found: Difference[] = [];
    const scope = { from: '2026-05-17', until: '2026-05-21', linkId: undefined };
    await reconcile(analytics.pool, scope, (difference) => found.push(difference));
    expect(found).toEqual([]);
    const ofWorkspace =
      'from click_workspace_hours where workspace_id = (select workspace_id from click_totals where link_id = $1)';
    await analytics.pool.query(`delete ${ofWorkspace} and at < '2026-05-19T00:00:00Z'`, [linkIds[1]]);
    await reconcile(analytics.pool, scope, (difference) => found.push(difference));
    expect(new Set(found.map(({ table }) => table))).toEqual(new Set(['click_workspace_hours']));
  });
});

describe('WatchWorkspace', () => {
  async function watching(caller: PersonCaller, since?: number, of = analytics.server) {
    const controller = new AbortController();
    const client = of.client(AnalyticsService, { caller });
    const request = since === undefined ? {} : { since: timestampFromMs(since) };
    const stream = client.watchWorkspace(request, { signal: controller.signal })[Symbol.asyncIterator]();
    return { first: (await stream.next()).value as WatchWorkspaceResponse, stream, stop: () => controller.abort() };
  }
  async function until(stream: AsyncIterator<WatchWorkspaceResponse>, clicks: number): Promise<WatchWorkspaceResponse> {
    for (;;) {
      const { value, done } = await stream.next();
      if (done) throw new Error('The stream ended.');
      if (value.clicks >= clicks) return value;
    }
  }

  test('tells what was counted since, and every change, whichever partition counts it', async () => {
    const { person, link, click } = newWorkspace();
    const id = link('live');
    await take([click(id, now), click(id, now - hour), click(id, now - day)]);
    const today = await watching(person);
    const lastHour = await watching(person, now);
    expect([today.first.clicks, lastHour.first.clicks]).toEqual([2, 1]);
    await take([click(id, now), click(id, now, { flags: 1 })], 5);
    await take([click(id, now)], 6);
    expect(await until(today.stream, 4)).toMatchObject({ clicks: 4, visitors: 4, bots: 1 });
    expect(await until(lastHour.stream, 3)).toMatchObject({ clicks: 3 });
    today.stop();
    lastHour.stop();
  });

  test('repeats itself while nothing happens', async () => {
    const { stream, stop } = await watching(newWorkspace().person);
    for (let times = 0; times < 3; times++) expect((await stream.next()).value).toMatchObject({ clicks: 0 });
    stop();
  });

  test('ends without an error when its time is over', async () => {
    const startedAt = Date.now();
    const { stream } = await watching(newWorkspace().person, undefined, analytics.hasty);
    while (!(await stream.next()).done);
    expect(Date.now() - startedAt).toBeGreaterThan(shortLifetimeMs - 200);
  });

  test('ends when the credentials are revoked', async () => {
    const { person } = newWorkspace();
    const { stream } = await watching(person);
    given.revoked.add(person.credentialId);
    expect((await faultOf(until(stream, 1))).code).toBe(Code.Unauthenticated);
    given.revoked.clear();
  });

  test('has its place among the streams of a person, and leaves it', async () => {
    const { person } = newWorkspace();
    const [one, two] = [await watching(person), await watching(person)];
    expect((await faultOf(watching(person))).code).toBe(Code.ResourceExhausted);
    one.stop();
    (await waitFor(() => watching(person))).stop();
    two.stop();
  });

  test.each([now + 2 * 60_000, now - 49 * hour])(
    'a moment that is not within 48 hours (%d) is refused',
    async (since) => {
      const fault = await faultOf(watching(newWorkspace().person, since));
      expect(fault.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).toBe('since');
    },
  );

  test('when the counts cannot be read any more the stream fails, and who comes then is refused', async () => {
    const failing = { countsSince: async () => (reads++ > 0 ? Promise.reject(new Error('gone')) : [nothing]) };
    const nothing = { clicks: 0, visitors: 0, bots: 0, botVisitors: 0 };
    let reads = 0;
    const feed = createWorkspaceFeed({ store: failing, log: silentLog, pollMs: 5, staleMs: 20 });
    const subscription = await feed.subscribe({ workspaceId: randomUUID(), sinceUs: 0 });
    expect(await subscription.take(1)).toEqual(nothing);
    await expect(subscription.take(5_000)).rejects.toThrow();
    await expect(feed.subscribe({ workspaceId: randomUUID(), sinceUs: 0 })).rejects.toThrow();
    await feed.stop();
  });
});
