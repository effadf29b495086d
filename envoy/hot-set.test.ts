import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { DiscoveryRequest } from '#gen-envoy/service/discovery/v3/discovery_pb.ts';
import { RuntimeDiscoveryService, RuntimeSchema } from '#gen-envoy/service/runtime/v3/rtds_pb.ts';
import { service } from '#runtime/rpc/endpoint.ts';
import type { RedirectStatus } from '#runtime/shortlink/link-record.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { startTestServer } from '#runtime/testing/test-server.ts';
import { freePort, waitFor } from '#runtime/testing/wait-for.ts';
import { parseLine } from '../gateway/edge/clicks/parse.ts';
import type { HotEntry } from '../gateway/edge/hot/entry.ts';
import { largestAnswer, openControlPlane } from '../gateway/edge/hot/xds/control-plane.ts';
import { type Door, startDoor } from './testing/door.ts';
import { ask, sendRaw } from './testing/http.ts';

const redirect = 'hop.resolver.v1.ResolverService/Redirect';
const linkId = '0197f0c6-0000-7000-8000-000000000001';
const workspaceId = '0197f0c6-0000-7000-8000-000000000002';
const links = new Map<string, HotEntry>();
let port: number;
let door: Door;
let plane: Awaited<ReturnType<typeof startPlane>>;

async function startPlane(
  on = port,
  edge = door,
  routesFile = join(edge.envoy.dir, 'config/routes/public.yaml'),
  bytes = 33_554_432,
) {
  const names = { domains: ['localhost', 'two.example'], hostAliases: ['127.0.0.1', '*'] };
  const capacity = { entries: 1_000, bytes };
  const control = openControlPlane({ ...names, routesFile, capacity, log: silentLog, lingerMs: 5 });
  const maxResponseBytes = largestAnswer({ ...names, hotBytes: bytes });
  const server = await startTestServer({ services: control.services, port: on, maxResponseBytes });
  return {
    hotSet: control.hotSet,
    async stop() {
      control.stop();
      await server.stop();
    },
  };
}

/** As the resolver answers a link that may be followed. */
function answerColdly(edge: Door): void {
  edge.services.on(redirect, ({ request }) => {
    const link = links.get((request as { code: string }).code.normalize('NFC'));
    if (!link) return { metadata: { 'x-status': '404' } };
    const { status, destination, cacheControl, version, domain, code } = link;
    const click = [linkId, workspaceId, version, 'l1', domain, encodeURIComponent(code)].join(';');
    const metadata = { location: destination, 'cache-control': cacheControl, 'x-hop-click': click };
    return {
      metadata: { 'x-status': String(status), ...metadata },
      response: { contentType: 'text/plain; charset=utf-8' },
    };
  });
}

function entryOf(code: string, change: Partial<HotEntry> = {}): HotEntry {
  const fixed = {
    domain: 'localhost',
    destination: `https://example.com/${encodeURIComponent(code)}`,
    cacheControl: 'private, no-store',
  };
  return { ...fixed, code, status: 302, linkId, workspaceId, version: 7n, ...change };
}

async function makeHot(...entries: HotEntry[]): Promise<void> {
  for (const entry of entries) links.set(entry.code, entry);
  plane.hotSet.put(entries);
  plane.hotSet.setLease(60_000);
  await waitFor(() => plane.hotSet.status().connected > 0, { what: 'Envoy' });
  await plane.hotSet.acknowledged();
}

async function isHot(path: string, host = 'localhost', edge = door): Promise<boolean> {
  edge.clear();
  const { status } = await ask(edge.envoy.publicPort, path, { headers: { host } });
  expect(status).toBeLessThan(400);
  return edge.callsOf(redirect).length === 0;
}
const becomes = (hot: boolean, path: string, edge = door): Promise<boolean> =>
  waitFor(async () => (await isHot(path, 'localhost', edge)) === hot, { what: hot ? 'hot' : 'cold' });

beforeAll(async () => {
  port = await freePort();
  door = await startDoor({ hotSet: { host: '127.0.0.1', port } });
  answerColdly(door);
});
afterAll(() => door.stop());

test('an Envoy without its gateway-edge serves cold, and nothing in it is work in progress', async () => {
  links.set('alone', entryOf('alone'));
  expect(await isHot('/alone')).toBe(false);
  expect(await door.envoy.stat('server.wip_protos')).toBe(0);
});

test('Envoy says what it is with the first message of a stream alone: to say it takes 60 KB, and a lease is renewed four times a second', async () => {
  const heard: DiscoveryRequest[] = [];
  const notAsked = (): never => expect.unreachable();
  const renewals: ServiceImpl<typeof RuntimeDiscoveryService> = {
    async *streamRuntime(requests) {
      for await (const request of requests) {
        const nonce = String(heard.push(request));
        const resources = [anyPack(RuntimeSchema, create(RuntimeSchema, { name: 'lease' }))];
        if (heard.length < 4) yield { versionInfo: nonce, nonce, typeUrl: request.typeUrl, resources };
      }
    },
    deltaRuntime: notAsked,
    fetchRuntime: notAsked,
  };
  const services = [service(RuntimeDiscoveryService, renewals, { access: 'edge' })];
  const server = await startTestServer({ services, port });
  await waitFor(() => heard.length === 4, { what: 'acknowledgements' });
  await server.stop();
  expect(heard.map(({ node }) => node?.id)).toEqual(['edge-1', undefined, undefined, undefined]);
  expect(heard.at(-1)).toMatchObject({ versionInfo: '3', responseNonce: '3' });
});

describe('with its gateway-edge', () => {
  beforeAll(async () => {
    plane = await startPlane();
  });
  afterAll(() => plane.stop());
  afterEach(() => links.clear());

  const plain = fc.string({ unit: fc.constantFrom(...'abz019_-éßжł文'), minLength: 1, maxLength: 12 });
  const target = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'%%sREQ():{}"\\\'az/?&=#+~'), maxLength: 40 }),
    fc.integer({ min: 0, max: 8_000 }).map((length) => 'x'.repeat(length)),
    fc.webUrl({ withQueryParameters: true, withFragments: true }).map(encodeURIComponent),
  );
  const link = fc.record({
    code: plain.map((code) => code.normalize('NFC')),
    destination: fc
      .tuple(fc.constantFrom('https://example.com/', 'https://xn--bcher-kva.example/%C3%BC?'), target)
      .map((parts) => parts.join('')),
    status: fc.constantFrom<RedirectStatus>(301, 302, 307, 308),
    cacheControl: fc.constantFrom('private, no-store', 'private, max-age=30'),
  });

  /** The answer as it came over the wire, without what no two answers share; the order of headers means nothing. */
  async function raw(method: string, path: string, version = '1.1'): Promise<string> {
    const request = `${method} ${path} HTTP/${version}\r\nhost: localhost\r\nconnection: close\r\n\r\n`;
    const text = await sendRaw(door.envoy.publicPort, request, 5_000);
    const [head = '', ...body] = text.replace(/^(date|x-request-id): .*\r\n/gm, '').split('\r\n\r\n');
    const [status = '', ...headers] = head.split('\r\n');
    return [status, ...headers.sort(), '', ...body].join('\r\n');
  }

  test('a hot answer is the cold one, byte for byte, whatever the link, the method and the path', async () => {
    const property = fc.asyncProperty(
      fc.uniqueArray(link, { minLength: 4, maxLength: 6, selector: ({ code }) => code }),
      async (made) => {
        const entries = made.map(({ code, ...rest }) => entryOf(code, rest));
        const questions = entries.flatMap(({ code }): Parameters<typeof raw>[] => {
          const segment = encodeURIComponent(code);
          const paths = [`/${segment}`, `/r/${segment}`, `/${segment}?a=b`];
          const modern = ['GET', 'HEAD', 'POST'].flatMap((method) =>
            paths.map((path): [string, string] => [method, path]),
          );
          return [...modern, ['GET', `/${segment}`, '1.0']];
        });
        for (const entry of entries) links.set(entry.code, entry);
        plane.hotSet.setLease(undefined);
        await becomes(false, `/${encodeURIComponent(made[0]?.code ?? '')}`);
        const cold = await Promise.all(questions.map((question) => raw(...question)));
        await makeHot(...entries);
        await becomes(true, `/${encodeURIComponent(made[0]?.code ?? '')}`);
        door.clear();
        const hot = await Promise.all(questions.map((question) => raw(...question)));
        expect(hot).toEqual(cold);
        // Of the six GET and HEAD of each link, the GET of its short path alone was answered by Envoy itself; that by HTTP/1.0, too.
        expect(door.callsOf(redirect)).toHaveLength(5 * entries.length);
        plane.hotSet.remove(entries);
      },
    );
    await fc.assert(property, { numRuns: 6, endOnFailure: true });
  });

  test('over HTTP/2 as well', async () => {
    const session = connect(`http://127.0.0.1:${door.envoy.publicPort}`);
    const headers = (): Promise<object> =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ':path': '/two', ':authority': 'localhost' });
        stream.on('error', reject);
        stream.on('response', ({ date: _, 'x-request-id': __, ...rest }) => resolve({ ...rest }));
        stream.resume();
      });
    plane.hotSet.setLease(undefined);
    links.set('two', entryOf('two'));
    await becomes(false, '/two');
    const cold = await headers();
    await makeHot(entryOf('two'));
    await becomes(true, '/two');
    expect(await headers()).toEqual(cold);
    session.close();
  });

  test('every host of a domain is answered, whatever its port and case, and a request of gRPC is not', async () => {
    await makeHot(entryOf('host'), entryOf('other', { domain: 'two.example' }));
    await becomes(true, '/host');
    for (const host of ['localhost', 'LocalHost:99', '127.0.0.1', '127.0.0.1:8080'])
      expect([host, await isHot('/host', host)]).toEqual([host, true]);
    expect(await isHot('/other', 'two.example:1')).toBe(true);
    // Unknown hosts belong to the virtual host of the file.
    for (const host of ['unknown.example', 'two.example', 'localhost.'])
      expect([host, await isHot('/host', host)]).toEqual([host, false]);
    door.clear();
    const { headers } = await ask(door.envoy.publicPort, '/host', { headers: { 'content-type': 'application/grpc' } });
    expect(headers.location).toBeUndefined();
  });

  test.each([
    ['two hosts', 'host: localhost:80\r\nhost: other.example'],
    ['a port that is none', 'host: localhost:http'],
  ])('%s: malformed, as it is for a cold link', async (_, host) => {
    await makeHot(entryOf('malformed'));
    await becomes(true, '/malformed');
    const request = `GET /malformed HTTP/1.1\r\n${host}\r\nconnection: close\r\n\r\n`;
    expect(await sendRaw(door.envoy.publicPort, request, 5_000)).toMatch(/^HTTP\/1.1 400 /);
  });

  test('a hot click is the line that gateway-edge reads, and stands in no other log', async () => {
    const entry = entryOf('café', { version: 42n });
    await makeHot(entry);
    await becomes(true, '/caf%C3%A9');
    const { headers } = await ask(door.envoy.publicPort, '/caf%C3%A9', { headers: { referer: 'https://x.example/' } });
    const cold = `?cold=${randomUUID()}`;
    await ask(door.envoy.publicPort, `/caf%C3%A9${cold}`, {});
    const clicks = await waitFor(() => {
      const lines = readFileSync(join(door.envoy.dir, 'spool/clicks.jsonl'), 'utf8').trim().split('\n');
      expect(lines.at(-1)).toContain(cold);
      return lines;
    });
    const own = clicks.filter((line) => line.includes(String(headers['x-request-id'])));
    expect(own).toHaveLength(1);
    expect(parseLine(own[0] ?? '')).toMatchObject({
      link: { linkId, workspaceId, linkVersion: 42n, tier: 1, domain: 'localhost', code: 'café' },
      ...{ method: 'GET', status: 302, referrer: 'https://x.example/', address: '127.0.0.1' },
    });
    expect(clicks.filter((line) => line.includes(cold))).toHaveLength(1);
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(readFileSync(join(door.envoy.dir, 'log/requests.jsonl'), 'utf8')).not.toContain('/caf');
  });

  test('what was removed or changed is not served once it is acknowledged', async () => {
    await makeHot(entryOf('gone'), entryOf('stays'), entryOf('moves'));
    await becomes(true, '/gone');
    plane.hotSet.remove([{ domain: 'localhost', code: 'gone' }]);
    await plane.hotSet.acknowledged();
    expect(await isHot('/gone')).toBe(false);
    await becomes(true, '/stays');
    await makeHot(entryOf('moves', { destination: 'https://example.com/new', version: 8n }));
    const { headers } = await ask(door.envoy.publicPort, '/moves', { headers: { host: 'localhost' } });
    expect(headers.location).toBe('https://example.com/new');
  });

  test('the lease ends by itself', async () => {
    await makeHot(entryOf('lease'));
    await becomes(true, '/lease');
    const since = performance.now();
    plane.hotSet.setLease(400);
    await becomes(false, '/lease');
    expect(performance.now() - since).toBeGreaterThan(390);
  });

  test('a shard that is withheld is cold at once, the others stay hot', async () => {
    await makeHot(entryOf('apple'), entryOf('berry'), entryOf('été'));
    await becomes(true, '/apple');
    await becomes(true, '/%C3%A9t%C3%A9');
    plane.hotSet.setLease(60_000, new Set(['a', '%']));
    await becomes(false, '/apple');
    expect(await isHot('/%C3%A9t%C3%A9')).toBe(false);
    expect(await isHot('/berry')).toBe(true);
    plane.hotSet.setLease(60_000);
    await becomes(true, '/apple');
    expect(await isHot('/%C3%A9t%C3%A9')).toBe(true);
  });

  test('a new file of routes leaves hot what is hot, and reaches the fall-back', async () => {
    await makeHot(entryOf('reload'));
    await becomes(true, '/reload');
    const file = join(door.envoy.dir, 'config/routes/public.yaml');
    const text = readFileSync(file, 'utf8');
    const replaceRoutes = async (routes: string, answered: string): Promise<void> => {
      writeFileSync(`${file}.new`, routes);
      renameSync(`${file}.new`, file);
      const isHealthy = async () =>
        (await ask(door.envoy.publicPort, answered, { headers: { host: 'localhost' } })).body === 'ok\n';
      // How long Envoy takes for it is not what is tested, and on busy cores it is seconds.
      await waitFor(isHealthy, { timeoutMs: 20_000, what: `an answer to ${answered}` });
    };
    await replaceRoutes(text.replaceAll('/healthz', '/alive'), '/alive');
    await becomes(true, '/reload');
    await replaceRoutes(text, '/healthz');
  });
});

test('a control plane that was started anew says nothing, and holds no lease, until it is told what is hot', async () => {
  plane = await startPlane();
  await makeHot(entryOf('before'), entryOf('deleted'));
  await becomes(true, '/deleted');
  await plane.stop();
  plane = await startPlane();
  plane.hotSet.setLease(60_000);
  await waitFor(() => plane.hotSet.status().connected === 1);
  await becomes(false, '/before');
  plane.hotSet.put([entryOf('before')]);
  await plane.hotSet.acknowledged();
  await becomes(true, '/before');
  expect(await isHot('/deleted')).toBe(false);
  await plane.stop();
});

test('Envoy is right about what it refuses: a link with a header that is too long, or the routes of the file', async () => {
  plane = await startPlane();
  const good = ['one', 'two', 'three'].map((code) => entryOf(code));
  // Envoy takes 16,384 bytes, in which each percent sign stands twice.
  await makeHot(entryOf('long', { destination: `https://example.com/${'%'.repeat(9_000)}` }), ...good);
  expect(plane.hotSet.status()).toMatchObject({ entries: 3, nacks: 1, refused: 1 });
  await becomes(true, '/three');
  const file = join(door.envoy.dir, 'config/routes/public.yaml');
  const text = readFileSync(file, 'utf8');
  await plane.stop();
  const bad = join(door.envoy.dir, 'bad-routes.yaml');
  writeFileSync(bad, text.replace(/regex: .*/, "regex: '('"));
  plane = await startPlane(port, door, bad);
  await makeHot(...good);
  expect(plane.hotSet.status()).toMatchObject({ entries: 3, refused: 0, acknowledgedVersion: undefined });
  expect(plane.hotSet.status().nacks).toBeGreaterThan(0);
  writeFileSync(bad, text);
  await becomes(true, '/three');
  await plane.stop();
});

test('a set of the least size that may be set is told, full, with all that it falls back to', async () => {
  plane = await startPlane(port, door, undefined, 65_536);
  const codes = Array.from({ length: 400 }, (_, index) => `least${index}`);
  await makeHot(
    ...codes.map((code, index) => entryOf(code, { domain: index % 2 === 0 ? 'localhost' : 'two.example' })),
  );
  expect(plane.hotSet.status().bytes).toBeGreaterThan(65_000);
  await becomes(true, '/least0');
  await plane.stop();
});

test('several Envoys have each their own state', async () => {
  plane = await startPlane();
  await makeHot(entryOf('shared'));
  const second = await startDoor({ hotSet: { host: '127.0.0.1', port }, edgeId: 'edge-2' });
  answerColdly(second);
  await waitFor(() => plane.hotSet.status().connected === 2);
  await plane.hotSet.acknowledged();
  await becomes(true, '/shared', second);
  await second.stop();
  await waitFor(() => plane.hotSet.status().connected === 1);
  await becomes(true, '/shared');
  await plane.stop();
});
