import { randomUUID } from 'node:crypto';
import { toJsonString } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { beforeAll, describe, expect, test } from 'vitest';
import { AnalyticsService, ListClicksResponseSchema } from '#gen/analytics/v1/analytics_service_pb.ts';
import type { Click } from '#gen/analytics/v1/click_pb.ts';
import { BadRequestSchema, ErrorInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { testPerson } from '#runtime/testing/keys.ts';
import { postgresPartitionStore } from './retention/partitions.postgres.ts';
import { testClick } from './testing/clicks.ts';
import { faultOf, now, outOfReach, useTestAnalytics } from './testing/test-analytics.ts';

const analytics = useTestAnalytics();
const { id: linkId } = analytics.keep({ code: 'abc' });
const client = (caller = analytics.person) => analytics.server.client(AnalyticsService, { caller });

beforeAll(async () => {
  const at = (minutes: number): number => (now - minutes * 60_000) * 1_000;
  const base = { linkId, visitor: 7n, referrerHost: 'news.example' };
  await analytics.take([
    testClick({ ...base, atUs: at(1) }),
    testClick({ ...base, atUs: at(2), referrerHost: '' }),
    testClick({ ...base, atUs: at(1_441), visitor: 8n, language: 'de' }),
    testClick({ ...base, atUs: at(3), flags: 1, visitor: 9n, device: 'bot', browser: '' }),
    testClick({ ...base, atUs: at(4), flags: 2 }),
    testClick({ ...base, atUs: at(5), flags: 4 }),
  ]);
});

test('a domain that is not ours is named, whatever is asked about its link', async () => {
  const question = { code: 'abc', domain: 'other.example' };
  for (const ask of [
    () => client().getLinkStats(question),
    () => client().listClicks(question),
    () => client().watchClicks(question)[Symbol.asyncIterator]().next(),
  ]) {
    const fault = await faultOf(ask());
    expect(fault.code).toBe(Code.InvalidArgument);
    expect(fault.findDetails(ErrorInfoSchema)[0]?.reason).toBe('DOMAIN_UNKNOWN');
    expect(fault.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).toBe('domain');
  }
});

test('a workspace that has as many reads under way as it may waits for them, and no other does', async () => {
  const slow = Promise.withResolvers<void>();
  const { workspaceId } = analytics.person;
  const running = [1, 2].map(() => analytics.readLimit.run(workspaceId, () => slow.promise));
  const another = client(testPerson({ workspaceId: randomUUID() }));
  for (const ask of [
    () => client().getLinkStats({ code: 'abc' }),
    () => client().getWorkspaceStats({}),
    () => client().listClicks({ code: 'abc' }),
  ]) {
    const fault = await faultOf(ask());
    expect(fault.code).toBe(Code.Unavailable);
    expect(fault.findDetails(ErrorInfoSchema)[0]?.reason).toBe('OVERLOADED');
    expect((await another.getWorkspaceStats({})).clicks).toBe(0);
  }
  slow.resolve();
  await Promise.all(running);
  expect((await client().getLinkStats({ code: 'abc' })).clicks).toBe(3);
});

test('what was dropped before a retention was raised is read from what is left', async () => {
  const partitions = postgresPartitionStore(analytics.pool);
  const codes = ['minutes-dropped', 'clicks-dropped'];
  const days = ['2026-05-10', '2026-05-06'];
  for (const [place, day] of days.entries()) {
    const link = analytics.keep({ code: codes[place] as string, createdAt: timestampFromMs(Date.parse('2026-05-01')) });
    const at = (time: string): number => Date.parse(`${day}T${time}Z`) * 1_000;
    await analytics.take(['10:10', '10:50', '12:00'].map((time) => testClick({ linkId: link.id, atUs: at(time) })));
    await partitions.makeDay(day);
  }
  await partitions.dropBefore({ clicks: '2026-05-08', minutes: '2026-05-12' }, Date.now());
  const clicksOf = async (place: number): Promise<number> => {
    const from = timestampFromMs(Date.parse(`${days[place]}T10:30:00Z`));
    return (await client().getLinkStats({ code: codes[place] as string, from })).clicks;
  };
  expect(await clicksOf(0)).toBe(2);
  // Of hours alone, the one that is cut belongs to the range that begins in it.
  expect(await clicksOf(1)).toBe(3);
});

describe('GetLinkStats', () => {
  test('answers everything that is known', async () => {
    const stats = await client().getLinkStats({ code: 'abc' });
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

  test('tells each kind of request and each breakdown apart', async () => {
    const link = analytics.keep({ code: 'apart' });
    const place = { country: 'DE', region: 'Land Berlin', city: 'Berlin' };
    const flags = [0, 2, 2, 4, 4, 4];
    const click = (flag: number, secondsAgo: number) =>
      testClick({ ...place, linkId: link.id, atUs: (now - secondsAgo * 1_000) * 1_000, flags: flag, visitor: 7n });
    await analytics.take([...flags.map((flag) => click(flag, 60)), click(1, 30)]);
    await analytics.take([click(0, 90)]);
    const stats = await client().getLinkStats({ code: 'apart' });
    // The visitor follows another link on this day as well.
    expect(stats).toMatchObject({ clicks: 2, visitors: 1, bots: 1, heads: 2, prefetches: 3 });
    // The last of a person's, in whichever order they came.
    expect(stats.lastClickAt).toEqual(timestampFromMs(now - 60_000));
    const { countries, cities, devices, browsers, operatingSystems, languages } = stats;
    const lists = [countries, cities, devices, browsers, operatingSystems, languages];
    expect(lists.map(([first]) => first?.value)).toEqual([
      ...['DE', 'Berlin, Land Berlin, DE', 'desktop', 'Firefox', 'Linux', 'en'],
    ]);
  });

  test('with bots, what bots did is part of everything', async () => {
    const stats = await client().getLinkStats({ code: 'abc', includeBots: true });
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
    const stats = await client().getLinkStats({ code: 'abc', ...range });
    expect(stats).toMatchObject({ clicks: 1, visitors: 0, bots: 0, heads: 0 });
    expect(stats.series.map(({ at, clicks }) => [Number(at?.seconds) * 1_000 - now, clicks])).toEqual([
      [-120_000, 0],
      [-60_000, 1],
    ]);
    expect(stats.referrers.map(({ value }) => value)).toEqual(['news.example']);
  });

  test.each(outOfReach)('a link out of reach (%s) does not exist', async (code) => {
    const fault = await faultOf(client().getLinkStats({ code }));
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
    const fault = await faultOf(client().getLinkStats({ code: 'abc', ...changes }));
    expect(fault.code).toBe(Code.InvalidArgument);
    expect(fault.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).toBe(field);
  });

  test('needs the scope', async () => {
    const reader = client(testPerson({ scopes: ['links:read'] }));
    expect((await faultOf(reader.getLinkStats({ code: 'abc' }))).code).toBe(Code.PermissionDenied);
  });
});

describe('ListClicks', () => {
  const at = ({ at }: Click): number => Number(at?.seconds) * 1_000 - now;

  test('answers clicks one by one, newest first, page by page', async () => {
    const first = await client().listClicks({ code: 'abc', pageSize: 2 });
    expect(first.clicks.map(at)).toEqual([-60_000, -120_000]);
    expect(first.clicks[0]).toMatchObject({
      referrer: 'news.example',
      browser: 'Firefox',
      bot: false,
      language: 'en',
      tier: 'l1',
    });
    const second = await client().listClicks({ code: 'abc', pageSize: 2, pageToken: first.nextPageToken });
    expect(second.clicks.map(at)).toEqual([-1_441 * 60_000]);
    expect(second.nextPageToken).toBe('');
  });

  test('bots, HEAD and prefetch are listed where asked for, flagged', async () => {
    const { clicks } = await client().listClicks({ code: 'abc', includeBots: true });
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
    const answer = await client().listClicks({ code: 'abc' });
    expect(toJsonString(ListClicksResponseSchema, answer)).not.toMatch(
      /[0-9a-f]{8}-|[0-9a-f]{16}|visitor|request|address/i,
    );
  });

  test('page sizes have bounds', async () => {
    expect((await client().listClicks({ code: 'abc', pageSize: 2_000_000_000 })).clicks).toHaveLength(3);
    const fault = await faultOf(client().listClicks({ code: 'abc', pageSize: -1 }));
    expect(fault.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).toBe('page_size');
  });

  test('a token of another link, or of another filter, is refused', async () => {
    analytics.keep({ code: 'second' });
    const { nextPageToken: pageToken } = await client().listClicks({ code: 'abc', pageSize: 1 });
    for (const request of [{ code: 'second' }, { code: 'abc', includeBots: true }]) {
      const fault = await faultOf(client().listClicks({ ...request, pageToken }));
      expect(fault.findDetails(ErrorInfoSchema)[0]?.reason).toBe('PAGE_TOKEN_INVALID');
    }
  });

  test.each(outOfReach)('a link out of reach (%s) does not exist', async (code) => {
    expect((await faultOf(client().listClicks({ code }))).code).toBe(Code.NotFound);
  });

  test('needs the scope', async () => {
    const reader = client(testPerson({ scopes: ['links:read'] }));
    expect((await faultOf(reader.listClicks({ code: 'abc' }))).code).toBe(Code.PermissionDenied);
  });
});
