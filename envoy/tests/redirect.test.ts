import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { limits } from '../limits.ts';
import { type Door, startDoor } from '../testing/door.ts';
import type { Reply, SeenCall } from '../testing/fixture-services.ts';
import { ask, errorInfo, type HttpAnswer, sendRaw } from '../testing/http.ts';

const redirect = 'hop.resolver.v1.ResolverService/Redirect';
const pages = 'hop.pages.v1.PagesService/GetPage';
const linkId = '0197f0c6-0000-7000-8000-000000000001';

let door: Door;
let location = 'https://example.com/';

beforeAll(async () => {
  door = await startDoor({ publicHost: 'hop.example:8080' });
  door.services.on(redirect, follow);
  door.services.on(pages, pageOf);
});
afterAll(() => door.stop());
beforeEach(() => {
  door.clear();
  location = 'https://example.com/';
});

/** As the resolver answers: everything in initial metadata, no body on a redirect and on HEAD. */
function follow({ request, headers }: SeenCall): Reply {
  const { code } = request as { code: string };
  if (code === 'none') return page('404', headers);
  const click = `${linkId};workspace;7;l1;localhost;${encodeURIComponent(code)}`;
  return { metadata: { 'x-status': '302', location, 'cache-control': 'private, no-store', 'x-hop-click': click } };
}

const pageOf = ({ headers }: SeenCall): Reply =>
  page(headers['x-envoy-original-path'] === '/' ? '200' : '404', headers);

function page(status: string, headers: SeenCall['headers']): Reply {
  const data = headers['x-hop-method'] === 'HEAD' ? '' : Buffer.from('<h1>page</h1>').toString('base64');
  return { metadata: { 'x-status': status }, response: { contentType: 'text/html', data } };
}

const get = (path: string, headers = {}) => ask(door.envoy.publicPort, path, { headers });

describe('a redirect', () => {
  test('carries the status and the location of the resolver and nothing of gRPC', async () => {
    const answer = await get('/abc');
    expect(answer.status).toBe(302);
    expect(answer.headers.location).toBe('https://example.com/');
    expect(answer.headers['cache-control']).toBe('private, no-store');
    expect(answer.body).toBe('');
    const names = Object.keys(answer.headers).filter(
      (name) => !['date', 'content-length', 'connection'].includes(name),
    );
    expect(names.sort()).toEqual(['cache-control', 'location', 'server', 'x-request-id']);
    expect(answer.headers.server).toBe('hopline');
  });

  test('carries nothing of gRPC in its trailers either, which HTTP/2 has; nor has a 304', async () => {
    door.services.on(pages, () => ({ metadata: { 'x-status': '304' }, response: { contentType: 'text/html' } }));
    const session = connect(`http://127.0.0.1:${door.envoy.publicPort}`);
    const trailersOf = async (path: string): Promise<[unknown, string[]]> => {
      const stream = session.request({ ':path': path, ':authority': 'a' });
      const names: string[] = [];
      stream.on('trailers', (trailers) => names.push(...Object.keys(trailers)));
      const [received] = (await once(stream, 'response')) as [IncomingHttpHeaders];
      await text(stream);
      return [received[':status'], names];
    };
    const seen = [await trailersOf('/abc'), await trailersOf('/r/abc?q=%41'), await trailersOf('/robots.txt')];
    session.close();
    expect(seen).toEqual([
      [302, []],
      [302, []],
      [304, []],
    ]);
    door.services.on(pages, pageOf);
  });

  test('is told to a client of HTTP/1.0', async () => {
    const answer = await sendRaw(door.envoy.publicPort, 'GET /abc HTTP/1.0\r\nhost: a\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.0 302 Found\r\n/);
    expect(answer).toContain('\r\nlocation: https://example.com/\r\n');
    expect(answer).toContain('\r\nconnection: close\r\n');
  });

  test('is told to a client of HTTP/1.0 that names no host, which HTTP/1.1 has to', async () => {
    const statusOf = async (path: string, version: string) =>
      /^HTTP\/1\.[01] (\d+)/.exec(await sendRaw(door.envoy.publicPort, `GET ${path} HTTP/${version}\r\n\r\n`))?.[1];
    for (const [path, status] of [
      ['/abc', '302'],
      ['/healthz', '200'],
    ] as const)
      expect([await statusOf(path, '1.0'), await statusOf(path, '1.1')]).toEqual([status, '400']);
  });

  test('a HEAD answers as GET, on a socket that stays usable', async () => {
    const lines = (path: string): string => `HEAD ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`;
    const answer = await sendRaw(door.envoy.publicPort, lines('/none') + lines('/r/abc') + lines('/abc'));
    expect(answer.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 404', 'HTTP/1.1 302', 'HTTP/1.1 302']);
    expect(answer).not.toContain('page');
    const lengths = answer.split('HTTP/1.1 ').map((each) => /content-length: (\d+)/.exec(each)?.[1]);
    expect(lengths).toEqual([undefined, undefined, '0', '0']);
    expect(door.callsOf(redirect).map(({ headers }) => headers['x-hop-method'])).toEqual(['HEAD', 'HEAD', 'HEAD']);
  });

  test.each(['?code=x', '?c%6Fde=x', '?foo=%', '?a=b&code=x&path=y&%ff', '?', '??code=x'])(
    'is not changed by %s',
    async (query) => {
      const answer = await get(`/abc${query}`);
      expect(answer.status).toBe(302);
      expect(door.callsOf(redirect)[0]?.request).toEqual({ code: 'abc' });
    },
  );

  test('shows the resolver and the spool its query as it was, less what imitates the path', async () => {
    await get('/abc?utm_source=a%20b&c%6Fde=x&list%5B%5D=1');
    await get('/abc?code=x&utm_source=a%20b');
    const paths = door.callsOf(redirect).map(({ headers }) => headers['x-envoy-original-path']);
    expect(paths).toEqual(['/abc?utm_source=a%20b&list%5B%5D=1', '/abc?code=x&utm_source=a%20b']);
  });

  test.each([
    ['/abc', 'abc'],
    ['/r/abc', 'abc'],
    ['/%C3%A9t%C3%A9', 'été'],
    ['/e%CC%81', 'e\u0301'],
    ['/abc+', 'abc+'],
    ['/abc%2B', 'abc+'],
    ['/%61bc', 'abc'],
    ['/a%2Fb', 'a/b'],
    ['//abc', 'abc'],
    [`/${'a'.repeat(5000)}`, 'a'.repeat(5000)],
  ])('%s reaches the resolver as a code', async (path, code) => {
    expect((await get(path)).status).toBe(302);
    expect(door.callsOf(redirect)[0]?.request).toEqual({ code });
  });

  test.each([
    'https://example.com/100%25?x=%E2%82%AC&y=a%20b#%25',
    'https://example.com/%%%s%REQ(:path)%',
    'https://xn--bcher-kva.example/?q=%C3%BC',
    `https://example.com/${'x'.repeat(8000)}`,
  ])('passes the destination on byte for byte: %s', async (destination) => {
    location = destination;
    expect((await get('/abc')).headers.location).toBe(destination);
  });

  test.each(['/%', '/%zz', '/%00', '/a%0Ab', '/%ff%fe', '/%c0%af', '/%ed%a0%80', '/r/%80'])(
    '%s is malformed: 400',
    async (path) => {
      const answer = await get(path);
      expect(answer.status).toBe(400);
      expect(errorInfo(answer).reason).toBe('MALFORMED_REQUEST');
      expect(door.services.calls).toEqual([]);
    },
  );

  test.each(['/a b', '/a\x01b', '/\xff\xfe', '/\xc3\xa9'])('bytes that no URL has are 400: %j', async (path) => {
    const answer = await sendRaw(door.envoy.publicPort, `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 (400|404)/);
    expect(door.callsOf(redirect)).toEqual([]);
  });

  test('any other method is 405 and says which are allowed', async () => {
    for (const path of ['/abc', '/r/abc', '/'])
      for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY']) {
        const answer = await ask(door.envoy.publicPort, path, { method, headers: { 'content-type': 'text/plain' } });
        expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD']);
        expect(errorInfo(answer).reason).toBe('METHOD_NOT_ALLOWED');
      }
    expect(door.services.calls).toEqual([]);
  });

  // What Envoy's parser of HTTP/1 does not take, README.md, "What Envoy says by itself". Once it takes these, they are 405 and 302.
  test.each(['FOO /abc', 'get /abc', 'GET /abc?q=\xc3\xa9', 'GET /abc?q=\xe9'])(
    'what no HTTP/1 request may be is 400, and says what is wrong: %j',
    async (line) => {
      const answer = await sendRaw(door.envoy.publicPort, `${line} HTTP/1.1\r\nhost: a\r\naccept: text/html\r\n\r\n`);
      expect(answer).toMatch(/^HTTP\/1\.1 400 .*MALFORMED_REQUEST.*registered method.*percent-encoded/s);
      expect(door.services.calls).toEqual([]);
    },
  );

  test('by HTTP/2 they are 405, and followed', async () => {
    const session = connect(`http://127.0.0.1:${door.envoy.publicPort}`);
    const statusOf = (method: string, path: string): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ':method': method, ':path': path, ':authority': 'a' });
        stream.on('response', (headers) => resolve(headers[':status']));
        stream.on('error', reject);
        stream.resume().end();
      });
    expect([await statusOf('FOO', '/abc'), await statusOf('GET', '/abc?q=\xe9')]).toEqual([405, 302]);
    session.close();
  });

  test('a header outside ASCII does not fail it', async () => {
    const headers =
      'user-agent: \xff\xfe\xc3\xa9"\\\r\nreferer: http://h\xc3\xa9/\r\naccept-language: \xe9\r\nx-foo: \xc3\xa9';
    const answer = await sendRaw(door.envoy.publicPort, `GET /abc HTTP/1.1\r\nhost: a\r\n${headers}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 302/);
  });

  const bodies = ['{"code":"x"}', 'hello', '{', `{"code":"${'x'.repeat(20_000)}"}`];
  /** In one piece: Envoy reads the body with the headers. */
  const withBody = (method: string, path: string, body: string): Promise<string> => {
    const head = `${method} ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n`;
    return sendRaw(door.envoy.publicPort, head + body);
  };

  test.each(['GET', 'HEAD'])(
    'a body of a %s does not decide which link is followed, whatever it is',
    async (method) => {
      for (const path of ['/abc', '/r/abc', '/abc?a=b&c%6Fde=y'])
        for (const body of bodies) {
          expect((await withBody(method, path, body)).slice(0, 12)).toBe('HTTP/1.1 302');
          const inChunks = { 'transfer-encoding': 'chunked' };
          const { status } = await ask(door.envoy.publicPort, path, { method, body, headers: inChunks });
          expect(status).toBe(path.includes('%') ? 302 : 400);
        }
      expect(door.callsOf(redirect).length).toBeGreaterThan(3 * bodies.length);
      for (const call of door.callsOf(redirect)) expect(call.request).toEqual({ code: 'abc' });
    },
  );

  test('a body that is larger than a buffer is refused', async () => {
    const body = 'x'.repeat(2 * limits.connectionBufferBytes);
    const answer = await ask(door.envoy.publicPort, '/abc', {
      body,
      headers: { 'content-length': String(body.length) },
    });
    expect([answer.status, errorInfo(answer).reason]).toEqual([400, 'MALFORMED_REQUEST']);
    expect(door.callsOf(redirect)).toEqual([]);
  });

  test.each([...bodies, ''])('nor over HTTP/2, where one that was not announced is refused: %.20s', async (body) => {
    const session = connect(`http://127.0.0.1:${door.envoy.publicPort}`);
    const send = async (headers: OutgoingHttpHeaders): Promise<HttpAnswer> => {
      const stream = session.request({ ':path': '/abc', ...headers }, { endStream: false });
      stream.end(body);
      const [received] = (await once(stream, 'response')) as [IncomingHttpHeaders];
      return { status: Number(received[':status']), headers: received, body: await text(stream) };
    };
    const announced = await send({ 'content-length': String(body.length) });
    const other = await send({});
    session.close();
    expect([announced.status, other.status]).toEqual([302, body === '' ? 302 : 400]);
    if (body !== '') expect(errorInfo(other).reason).toBe('MALFORMED_REQUEST');
    for (const call of door.callsOf(redirect)) expect(call.request).toEqual({ code: 'abc' });
  });
});

describe('pages', () => {
  test.each(['/', '/robots.txt', '/favicon.ico', '/x/y', '/abc/', '/a!b', '/R/abc', '/apix/y', '/a.b'])(
    '%s',
    async (path) => {
      const answer = await get(path);
      expect([answer.status, answer.body]).toEqual([path === '/' ? 200 : 404, '<h1>page</h1>']);
      expect(door.callsOf(pages)[0]?.headers['x-envoy-original-path']).toBe(path);
      expect(door.callsOf(redirect)).toEqual([]);
    },
  );

  test.each(['/', '/robots.txt', '/x/y'])('%s is the same page, whatever the body of the GET', async (path) => {
    for (const body of ['hello', '{"path":"x"}', '{']) {
      const head = `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n`;
      const answer = await sendRaw(door.envoy.publicPort, head + body);
      expect(answer.slice(0, 12)).toBe(path === '/' ? 'HTTP/1.1 200' : 'HTTP/1.1 404');
      expect(answer).toContain('<h1>page</h1>');
    }
    expect(door.callsOf(pages).map(({ request }) => request)).toEqual(
      Array(3).fill(path === '/x/y' ? { path: 'x/y' } : {}),
    );
  });

  test('/healthz is answered by Envoy alone', async () => {
    const answer = await get('/healthz');
    expect([answer.status, answer.body]).toEqual([200, 'ok\n']);
    expect((await ask(door.envoy.publicPort, '/healthz', { method: 'HEAD' })).status).toBe(200);
    expect(door.services.calls).toEqual([]);
  });

  test('a 304 and a HEAD claim no length', async () => {
    const answers: Record<string, string> = {};
    for (const status of ['304', '200']) {
      door.services.on(pages, ({ headers }) => page(status, { ...headers, 'x-hop-method': 'HEAD' }));
      const method = status === '304' ? 'GET' : 'HEAD';
      answers[status] = await sendRaw(door.envoy.publicPort, `${method} / HTTP/1.1\r\nhost: a\r\n\r\n`);
    }
    door.services.on(pages, ({ headers }) => page(headers['x-envoy-original-path'] === '/' ? '200' : '404', headers));
    for (const [status, answer] of Object.entries(answers)) {
      expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(answer).not.toContain('content-length');
      expect(answer).toMatch(/\r\n\r\n$/);
    }
  });

  test('a HEAD claims no compression of a body that it does not have', async () => {
    door.services.on(pages, ({ headers }) => page('404', { ...headers, 'x-hop-method': 'HEAD' }));
    const headers = { 'accept-encoding': 'gzip' };
    const answer = await ask(door.envoy.publicPort, '/x/y', { method: 'HEAD', headers });
    door.services.on(pages, ({ headers }) => page(headers['x-envoy-original-path'] === '/' ? '200' : '404', headers));
    expect([answer.status, answer.headers['content-encoding'], answer.headers.vary]).toEqual([
      404,
      undefined,
      undefined,
    ]);
  });

  test('/readyz asks the gateway', async () => {
    door.services.on('hop.pages.v1.PagesService/GetReadiness', () => ({
      metadata: { 'x-status': '503' },
      response: { contentType: 'application/json', data: Buffer.from('{"status":"unavailable"}').toString('base64') },
    }));
    const answer = await get('/readyz');
    expect([answer.status, answer.body]).toEqual([503, '{"status":"unavailable"}']);
    // Those who ask whether all is well are told soon that the gateway is not.
    const deadline = door.callsOf('hop.pages.v1.PagesService/GetReadiness')[0]?.deadline ?? Number.POSITIVE_INFINITY;
    expect(deadline - Date.now()).toBeLessThanOrEqual(limits.readinessMs);
  });
});

describe('the click spool', () => {
  const lines = (): Record<string, unknown>[] =>
    readFileSync(join(door.envoy.dir, 'spool', 'clicks.jsonl'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const isOf =
    (code: string) =>
    ({ click }: Record<string, unknown>): boolean =>
      String(click).endsWith(`;${code}`);

  test('has one line for a followed link, with every field of ClickLine, and none for what is not one', async () => {
    const path = `/spool?utm=${'x'.repeat(3000)}`;
    const followed = await get(path, {
      host: 'Go.Example.com:80',
      referer: 'https://example.org/',
      'user-agent': 'u'.repeat(2000),
      'accept-language': 'de',
      purpose: 'prefetch',
      dnt: '1',
      'sec-gpc': '1',
      'x-request-id': 'forged',
      'x-forwarded-for': '203.0.113.9',
      traceparent: '00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-aaaaaaaaaaaaaaaa-01',
    });
    await get('/none');
    await get('/');
    const line = await waitFor(() => lines().find(isOf('spool')), { what: 'the line' });
    expect(line).toEqual({
      v: 1,
      at: expect.stringMatching(/^\d{16}$/),
      request_id: followed.headers['x-request-id'],
      method: 'GET',
      status: 302,
      host: 'Go.Example.com:80',
      path: path.slice(0, 2048),
      click: `${linkId};workspace;7;l1;localhost;spool`,
      referrer: 'https://example.org/',
      user_agent: 'u'.repeat(512),
      accept_language: 'de',
      sec_purpose: 'prefetch',
      dnt: '1',
      sec_gpc: '1',
      address: '127.0.0.1',
    });
    expect(Math.abs(Number(line?.at) / 1000 - Date.now())).toBeLessThan(60_000);
    expect(lines().every(({ click }) => String(click).startsWith(linkId))).toBe(true);
  });

  test('every line is JSON, whatever bytes the headers hold', async () => {
    const cut = `${'a'.repeat(511)}\xc3\xa9`;
    for (const agent of ['\xff\xfe', '\xc3\xa9"\\', '\xed\xa0\x80', cut])
      await sendRaw(door.envoy.publicPort, `GET /bytes HTTP/1.1\r\nhost: a\r\nuser-agent: ${agent}\r\n\r\n`, 100);
    await waitFor(() => lines().filter(isOf('bytes')).length === 4, { what: 'four lines' });
  });

  test("a request id is Envoy's own", async () => {
    const answer = await get('/abc', { 'x-request-id': '11111111-1111-4111-8111-111111111111' });
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.headers['x-request-id']).not.toBe('11111111-1111-4111-8111-111111111111');
  });
});
