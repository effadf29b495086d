import { randomUUID } from 'node:crypto';
import { Code } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { AnalyticsService } from '#gen/analytics/v1/analytics_service_pb.ts';
import { testService } from '#runtime/testing/keys.ts';
import { testClick } from './testing/clicks.ts';
import { faultOf, now, useTestAnalytics } from './testing/test-analytics.ts';

const analytics = useTestAnalytics();
const asPerson = () => analytics.server.client(AnalyticsService, { caller: analytics.person });
const asService = () => analytics.server.client(AnalyticsService, { caller: testService('gateway-edge') });

test('GetClickCounts answers the links that have clicks, and no nonsense', async () => {
  const linkId = randomUUID();
  await analytics.take([0, 0, 0, 1, 2, 4].map((flags) => testClick({ linkId, flags })));
  const { clicks } = await asService().getClickCounts({ linkIds: [linkId, randomUUID(), 'nonsense'] });
  expect(clicks).toEqual({ [linkId]: 3 });
});

test('EraseClicks leaves nothing, may be called again, takes no nonsense, and only from the mesh', async () => {
  const linkId = randomUUID();
  await analytics.take([testClick({ linkId, atUs: now * 1_000 })]);
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
