import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { describe, expect, test } from 'vitest';
import { AnalyticsService, type WatchClicksResponse } from '#gen/analytics/v1/analytics_service_pb.ts';
import type { Click } from '#gen/analytics/v1/click_pb.ts';
import type { PersonCaller } from '#runtime/caller/token.ts';
import { testPerson } from '#runtime/testing/keys.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { testClick } from './testing/clicks.ts';
import { faultOf, now, outOfReach, shortLifetimeMs, useTestAnalytics } from './testing/test-analytics.ts';

const analytics = useTestAnalytics();
const { person, keep } = analytics;

describe('WatchClicks', () => {
  /** A stream whose first heartbeat was seen. */
  async function watching(caller: PersonCaller, code: string, includeBots?: boolean, of = analytics.server) {
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
    const { id } = keep({ code: 'live' });
    const people = await watching(person, 'live');
    const all = await watching(person, 'live', true);
    await analytics.take([0, 1, 2, 4, 8].map((flags) => testClick({ linkId: id, flags, city: 'London' })));
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
    keep({ code: 'quiet' });
    const { events, stop } = await watching(person, 'quiet');
    for (let beats = 0; beats < 3; beats++)
      expect((await events.next()).value).toMatchObject({ event: { case: 'heartbeat' } });
    stop();
  });

  test('ends without an error when its time is over', async () => {
    keep({ code: 'quiet' });
    const startedAt = Date.now();
    const { events } = await watching(person, 'quiet', false, analytics.hasty);
    expect(new Set(await rest(events))).toEqual(new Set(['heartbeat']));
    expect(Date.now() - startedAt).toBeGreaterThan(shortLifetimeMs - 200);
  });

  test('ends when the link is deleted', async () => {
    const kept = keep({ code: 'leaving' });
    const { events } = await watching(person, 'leaving');
    keep({ ...kept, deletedAt: timestampFromMs(now) });
    expect((await faultOf(rest(events))).code).toBe(Code.NotFound);
  });

  test('ends when the code is another link by now', async () => {
    keep({ code: 'renamed' });
    const { events } = await watching(person, 'renamed');
    keep({ code: 'renamed' });
    expect((await faultOf(rest(events))).code).toBe(Code.NotFound);
  });

  test('ends when the credentials are revoked', async () => {
    keep({ code: 'revoked' });
    const { events } = await watching(person, 'revoked');
    analytics.given.revoked.add(person.credentialId);
    expect((await faultOf(rest(events))).code).toBe(Code.Unauthenticated);
    analytics.given.revoked.clear();
  });

  test('one person has so many streams, and so has the process; an ended one makes room', async () => {
    keep({ code: 'busy' });
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

  test.each(outOfReach)('a link out of reach (%s) does not exist', async (code) => {
    expect((await faultOf(watching(person, code))).code).toBe(Code.NotFound);
  });

  test('needs the scope', async () => {
    const caller = testPerson({ scopes: ['links:read'] });
    expect((await faultOf(watching(caller, 'abc'))).code).toBe(Code.PermissionDenied);
  });
});
