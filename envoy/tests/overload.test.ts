import { type ClientHttp2Session, connect as connectHttp2, type OutgoingHttpHeaders } from 'node:http2';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { loadConfig } from '#runtime/config/config.ts';
import { unknownCodesLimit } from '#runtime/limits/rate-limits.ts';
import { freePort, waitFor } from '#runtime/testing/wait-for.ts';
import { createUnknownCodes, unknownCodeBounds } from '../../services/resolver/unknown-codes.ts';
import { checkRpc, type Door, goodToken, startDoor } from '../testing/door.ts';
import { ask, errorInfo, type HttpAnswer } from '../testing/http.ts';

const redirectRpc = 'hop.resolver.v1.ResolverService/Redirect';
const pageRpc = 'hop.pages.v1.PagesService/GetPage';
const html = { accept: 'text/html' };

let door: Door | undefined;
afterEach(async () => {
  await door?.stop();
  door = undefined;
});

/** Makes an RPC answer nobody before it is let go, and everybody from then on. */
function hold({ services }: Door, rpc: string, metadata: Record<string, string> = {}): { letGo(): void } {
  const { promise: heldUntil, resolve: letGo } = Promise.withResolvers<void>();
  services.on(rpc, () => ({ heldUntil, metadata }));
  return { letGo };
}
const holdRedirects = (of: Door) => hold(of, redirectRpc, { 'x-status': '302', location: 'https://a.example' });

/** Asks so often at once; `answers` are those that came until now. */
function askAtOnce(count: number, send: () => Promise<HttpAnswer>) {
  const answers: HttpAnswer[] = [];
  const all = Promise.all(Array.from({ length: count }, async () => answers.push(await send())));
  // A test that fails before it awaits them says why by itself.
  all.catch(() => {});
  return { answers, all };
}

describe('more redirects than may be in flight', () => {
  test('the bound is kept, the others are told at once, and all is well afterwards', async () => {
    door = await startDoor();
    const { publicPort: port } = door.envoy;
    const { letGo } = holdRedirects(door);
    const { answers, all } = askAtOnce(300, () => ask(port, '/abc'));
    // Not one of the refused waits for one of the answered.
    await waitFor(() => answers.length === 44, { what: 'the 44 refusals' });
    const shed = [...answers];
    expect(new Set(shed.map(({ status }) => status))).toEqual(new Set([503]));
    await waitFor(() => door?.callsOf(redirectRpc).length === 256, { what: 'the 256 calls' });
    letGo();
    await all;
    expect(answers.filter(({ status }) => status === 302)).toHaveLength(256);
    expect(door.callsOf(redirectRpc)).toHaveLength(256);
    // By the first filter, and not by the breaker behind all of them.
    expect(await door.envoy.stat('http.public.adaptive_concurrency.gradient_controller.rq_blocked')).toBe(44);
    for (const answer of shed) {
      expect(answer.headers['retry-after']).toBe('1');
      expect(errorInfo(answer)).toMatchObject({ code: 14, reason: 'OVERLOADED', domain: 'hopline' });
    }
    expect((await ask(port, '/abc')).status).toBe(302);
  });

  test('a browser is told by a page', async () => {
    door = await startDoor();
    const { publicPort: port } = door.envoy;
    const { letGo } = holdRedirects(door);
    const { answers, all } = askAtOnce(257, () => ask(port, '/abc', { headers: html }));
    const shed = await waitFor(() => answers[0], { what: 'the refusal' });
    letGo();
    await all;
    expect(shed?.status).toBe(503);
    expect(shed?.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(shed?.headers['retry-after']).toBe('1');
  });
});

test('unknown codes whose answers four resolvers delay leave places to others', async () => {
  door = await startDoor({ trustedProxies: 1 });
  const { publicPort: port } = door.envoy;
  const { limit } = loadConfig({ limit: unknownCodesLimit }, {});
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  const bounds = { ...unknownCodeBounds, limit, now: () => 0, sleep: () => held };
  const resolvers = Array.from({ length: 4 }, () => createUnknownCodes(bounds));
  const addresses = Array.from({ length: 100 }, (_, index) => `198.51.100.${index}`);
  for (const address of addresses)
    for (const codes of resolvers) for (let i = 0; i < limit.calls; i++) codes.countNow(address, 'made_up');
  let calls = 0;
  door.services.on(redirectRpc, ({ headers }) => {
    const address = String(headers['x-envoy-external-address']);
    const answer = resolvers[calls++ % 4]?.pace(address, 'made_up', async () => ({ unknown: true, result: {} }));
    return { heldUntil: Promise.resolve(answer).then(() => {}), metadata: { 'x-status': '404' } };
  });
  let asked = 0;
  const from = (address = '') => ask(port, '/abc', { headers: { 'x-forwarded-for': address } });
  const { answers, all } = askAtOnce(500, () => from(addresses[asked++ % 100]));
  const refused = (): HttpAnswer[] => answers.filter(({ status }) => status === 503);
  await waitFor(() => calls + refused().length === 500, { what: 'the calls' });
  expect((await from('203.0.113.9')).status).toBe(404);
  letGo();
  await all;
});

const sessions: ClientHttp2Session[] = [];
afterEach(() => {
  for (const session of sessions.splice(0)) session.destroy();
});

/** 600 requests over HTTP/2, with this body or without an end; resolves once Envoy has read them. */
async function begin({ envoy }: Door, headers: OutgoingHttpHeaders, body?: Buffer): Promise<void> {
  const begun = () => envoy.stat('http.public.downstream_rq_total');
  for (let connection = 0; connection < 6; connection++) {
    const before = await begun();
    const session = connectHttp2(`http://127.0.0.1:${envoy.publicPort}`);
    session.on('error', () => {});
    sessions.push(session);
    for (let i = 0; i < 100; i++) {
      const stream = session.request(headers, { endStream: false }).on('error', () => {});
      if (body) stream.end(body);
    }
    await waitFor(async () => (await begun()) >= before + 100, { what: 'the requests' });
  }
}

test('live streams, however many, take no place of the other calls of their service', async () => {
  door = await startDoor();
  const rpc = 'hop.analytics.v1.AnalyticsService/WatchClicks';
  const { letGo } = hold(door, rpc);
  const headers = { authorization: goodToken };
  const call = { ':method': 'POST', ':path': `/${rpc}`, 'content-type': 'application/grpc' };
  await begin(door, { ...call, ...headers }, Buffer.alloc(5));
  await waitFor(() => (door?.callsOf(rpc).length ?? 0) >= 256, { what: 'the streams' });
  for (let i = 0; i < 10; i++)
    expect((await ask(door.envoy.publicPort, '/api/v1/urls/abc/clicks', { headers })).status).toBe(200);
  letGo();
});

describe('requests that their client never ends', () => {
  test.each(['/abc', '/abc?%41=b', '/r/abc'])('take no place of the redirects: GET %s', async (path) => {
    door = await startDoor();
    door.services.on(redirectRpc, () => ({ metadata: { 'x-status': '302', location: 'https://a.example' } }));
    await begin(door, { ':method': 'GET', ':path': path });
    for (let i = 0; i < 10; i++) expect((await ask(door.envoy.publicPort, path)).status).toBe(302);
    expect(door.callsOf(redirectRpc)).toHaveLength(10);
  });

  test.each([
    ['hop.identity.v1.IdentityService/GetSigningKeys', '/.well-known/jwks.json'],
    ['hop.link.v1.LinkService/ListLinks', '/api/v1/urls'],
    ['hop.analytics.v1.AnalyticsService/WatchClicks', '/api/v1/urls/abc/clicks'],
  ])('take no place of the calls: %s', async (rpc, path) => {
    door = await startDoor();
    const headers = { authorization: goodToken };
    const { publicPort: port } = door.envoy;
    const began = { ':method': 'POST', ':path': `/${rpc}`, 'content-type': 'application/grpc', 'grpc-timeout': '30S' };
    await begin(door, { ...began, ...headers });
    for (let i = 0; i < 10; i++) expect((await ask(port, path, { headers })).status).toBe(200);
    expect(door.callsOf(rpc).length).toBeLessThanOrEqual(10);
  });
});

test('pages that nobody answers do not take the places of the checks of credentials', async () => {
  door = await startDoor();
  const { publicPort: port } = door.envoy;
  const { letGo } = hold(door, pageRpc);
  const { answers: pages, all } = askAtOnce(300, () => ask(port, '/'));
  await waitFor(() => door?.callsOf(pageRpc).length === 64 && pages.length === 236, { what: '64 calls, 236 refusals' });
  const read = await ask(port, '/api/v1/urls', { headers: { authorization: goodToken } });
  expect(read.status).toBe(200);
  expect(door.callsOf(checkRpc)).toHaveLength(1);
  letGo();
  await all;
  const statuses = pages.map(({ status }) => status);
  expect([statuses.filter((one) => one === 200).length, statuses.filter((one) => one === 503).length]).toEqual([
    64, 236,
  ]);
});

describe('memory', () => {
  test('a full heap refuses requests before it grows further', async () => {
    door = await startDoor({ maxHeapMb: 4 });
    const { envoy } = door;
    await waitFor(
      async () => (await envoy.stat('overload.envoy.overload_actions.reject_incoming_connections.active')) === 1,
    );
    for (const action of ['shrink_heap', 'disable_http_keepalive', 'stop_accepting_requests'])
      expect(await envoy.stat(`overload.envoy.overload_actions.${action}.active`), action).toBe(1);
    expect(await envoy.stat('overload.envoy.overload_actions.reset_high_memory_stream.scale_percent')).toBe(100);
    await expect(ask(envoy.publicPort, '/abc')).rejects.toThrow();
    expect(await envoy.stat('listener_manager.lds.update_rejected')).toBe(0);
  });

  test('a heap with room does none of it', async () => {
    door = await startDoor();
    const { envoy } = door;
    for (const action of ['shrink_heap', 'stop_accepting_requests', 'reject_incoming_connections'])
      expect(await envoy.stat(`overload.envoy.overload_actions.${action}.active`), action).toBe(0);
  });
});

test('connections beyond the bound are closed, and the ones before go on', async () => {
  door = await startDoor({ maxConnections: 10 });
  const { publicPort: port, stat } = door.envoy;
  const { letGo } = holdRedirects(door);
  let closed = 0;
  const asked = Array.from({ length: 30 }, async () => {
    const answer = await ask(port, '/abc').catch(() => undefined);
    if (!answer) closed++;
    return answer?.status;
  });
  await waitFor(() => closed === 20, { what: 'the end of 20 connections' });
  letGo();
  expect((await Promise.all(asked)).filter((status) => status === 302)).toHaveLength(10);
  await waitFor(async () => (await stat('http.public.downstream_cx_active')) === 0);
  expect((await ask(port, '/abc')).status).toBe(302);
});

test('however many connections there are, probes, gateway-edge and Prometheus still reach Envoy', async () => {
  const statsPort = await freePort();
  door = await startDoor({ maxConnections: 10, stats: { host: '127.0.0.1', port: statsPort } });
  const { publicPort, adminPort } = door.envoy;
  const { letGo } = holdRedirects(door);
  const { answers, all } = askAtOnce(10, () => ask(publicPort, '/abc'));
  await waitFor(() => door?.callsOf(redirectRpc).length === 10, { what: 'the 10 calls' });
  await expect(ask(publicPort, '/abc')).rejects.toThrow();
  expect(await ask(adminPort, '/ready')).toMatchObject({ status: 200, body: 'LIVE\n' });
  expect(await ask(statsPort, '/stats/prometheus')).toMatchObject({ status: 200 });
  letGo();
  await all;
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 302));
});

test('the page for Prometheus has a bound of connections of its own', async () => {
  const statsPort = await freePort();
  door = await startDoor({ stats: { host: '127.0.0.1', port: statsPort } });
  const sockets = Array.from({ length: 20 }, () => connect(statsPort, '127.0.0.1'));
  await waitFor(() => sockets.filter(({ readableEnded }) => readableEnded).length === 4, { what: 'the end of 4' });
  for (const socket of sockets) socket.destroy();
});

describe('whose address it is', () => {
  const forged = '203.0.113.9, 198.51.100.7';
  const seen = async (trustedProxies: number, headers: Record<string, string>): Promise<string> => {
    door = await startDoor({ trustedProxies });
    await ask(door.envoy.publicPort, '/abc', { headers });
    return door.callsOf(redirectRpc)[0]?.headers['x-envoy-external-address'] ?? '';
  };

  test('nobody in front is believed: the peer, whatever a client says', async () => {
    const claims = { 'x-forwarded-for': forged, 'x-real-ip': '203.0.113.9', forwarded: 'for=203.0.113.9' };
    expect(await seen(0, { ...claims, 'x-envoy-external-address': '203.0.113.9' })).toBe('127.0.0.1');
  });

  test('one proxy in front: the entry that it added, the last; what a client wrote before it counts for nothing', async () => {
    expect(await seen(1, { 'x-forwarded-for': forged, 'x-envoy-external-address': '203.0.113.9' })).toBe(
      '198.51.100.7',
    );
  });
});
