import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog } from '#runtime/telemetry/log.ts';
import { type SpanReceiver, startSpanReceiver } from '#runtime/testing/span-receiver.ts';
import { startTestServer } from '#runtime/testing/test-server.ts';
import { freePort, waitFor } from '#runtime/testing/wait-for.ts';
import { type ClickLine, parseLine } from '../../gateway/edge/clicks/parse.ts';
import { openControlPlane } from '../../gateway/edge/hot/xds/control-plane.ts';
import { type Door, startDoor } from '../testing/door.ts';
import { ask } from '../testing/http.ts';

const redirect = 'hop.resolver.v1.ResolverService/Redirect';
const linkId = '0197f0c6-0000-7000-8000-000000000001';
const workspaceId = '0197f0c6-0000-7000-8000-000000000002';
/** What a client would like its trace to be. */
const forged = '00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-aaaaaaaaaaaaaaaa-01';

const answer = (door: Door): void =>
  door.services.on(redirect, () => ({
    metadata: {
      location: 'https://example.com/',
      'x-status': '302',
      'x-hop-click': `${linkId};${workspaceId};7;l1;localhost;cold`,
    },
    response: { contentType: 'text/plain; charset=utf-8' },
  }));

const clickOf = (door: Door, requestId: unknown): Promise<ClickLine> =>
  waitFor(
    () => {
      const lines = readFileSync(join(door.envoy.dir, 'spool', 'clicks.jsonl'), 'utf8').split('\n');
      const click = parseLine(lines.find((text) => text.includes(String(requestId))) ?? '');
      if (typeof click === 'string') throw new Error(click);
      return click;
    },
    { what: 'the line of the click' },
  );

describe('with a collector', () => {
  let collector: SpanReceiver;
  let door: Door;
  beforeAll(async () => {
    collector = await startSpanReceiver();
    const hotSet = { host: '127.0.0.1', port: await freePort() };
    const traces = { collector: { host: '127.0.0.1', port: collector.port }, percent: 100 };
    door = await startDoor({ hotSet, traces });
    answer(door);
    const control = openControlPlane({
      domains: ['localhost'],
      hostAliases: [],
      routesFile: join(door.envoy.dir, 'config/routes/public.yaml'),
      capacity: { entries: 10, bytes: 1_000_000 },
      log: silentLog,
      lingerMs: 5,
    });
    const server = await startTestServer({ services: control.services, port: hotSet.port });
    const plain = { destination: 'https://example.com/', cacheControl: 'private, no-store', status: 302 as const };
    control.hotSet.put([{ ...plain, domain: 'localhost', code: 'hot', linkId, workspaceId, version: 7n }]);
    control.hotSet.setLease(60_000);
    await waitFor(() => control.hotSet.status().connected > 0, { what: 'Envoy' });
    await control.hotSet.acknowledged();
    // The lease follows the set by another stream.
    const isHot = async (): Promise<boolean> => {
      door.clear();
      await ask(door.envoy.publicPort, '/hot', { headers: { host: 'localhost' } });
      return door.callsOf(redirect).length === 0;
    };
    await waitFor(isHot, { what: 'the hot link' });
    return async () => {
      control.stop();
      await server.stop();
    };
  });
  afterAll(async () => {
    await door.stop();
    collector.stop();
  });

  test.each(['/cold?word=private', '/hot'])('a follow of %s is a span, which its click line names', async (path) => {
    door.clear();
    const headers = { host: 'localhost', 'user-agent': 'telling', traceparent: forged };
    const { headers: answered } = await ask(door.envoy.publicPort, path, { headers });
    const { traceparent } = await clickOf(door, answered['x-request-id']);
    const [, traceId = '', spanId = ''] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/.exec(traceparent) ?? [];
    expect(traceId).not.toBe(forged.slice(3, 35));
    const span = await waitFor(() => collector.spans.find((each) => each.spanId === spanId), { what: 'the span' });
    expect(span).toMatchObject({ service: 'envoy', traceId, parentId: '' });
    // The resolver is told the same, where it is asked.
    for (const call of door.callsOf(redirect)) expect(call.headers.traceparent).toBe(traceparent);
    expect(door.callsOf(redirect)).toHaveLength(path === '/hot' ? 0 : 1);
  });

  test('no span says whose request it was, and nothing in use is work in progress', async () => {
    await waitFor(() => collector.spans.length > 0, { what: 'a span' });
    expect(collector.spans[0]?.attributes).toMatchObject({ 'peer.address': '-', 'http.url': '-', user_agent: '-' });
    for (const secret of ['127.0.0.1', 'private', 'telling'])
      expect(collector.bytes.filter((message) => message.includes(secret))).toEqual([]);
    expect(await door.envoy.stat('server.wip_protos')).toBe(0);
  });
});

test('a request that is not sampled is no span, and its click is not traced', async () => {
  const collector = await startSpanReceiver();
  const door = await startDoor({ traces: { collector: { host: '127.0.0.1', port: collector.port }, percent: 0 } });
  answer(door);
  const { headers } = await ask(door.envoy.publicPort, '/cold', { headers: { host: 'localhost' } });
  expect(await clickOf(door, headers['x-request-id'])).toMatchObject({ traceparent: '' });
  expect(await door.envoy.stat('tracing.opentelemetry.spans_sent')).toBe(0);
  await door.stop();
  collector.stop();
});
