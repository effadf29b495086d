import { connect } from 'node:net';
import { beforeAll, expect, inject, it } from 'vitest';
import { concurrently } from '../support/concurrently.ts';
import { eventually } from '../support/eventually.ts';
import { call, reasonOf } from '../support/http.ts';
import { newLink, newPerson, type Person } from '../support/people.ts';

let ada: Person;
beforeAll(async () => {
  ada = await newPerson();
});

/** Sends bytes on one socket and answers all that came back until it is quiet for 500 ms or closed. */
function raw(bytes: string): Promise<string> {
  const { hostname, port } = new URL(inject('meshUrl'));
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let received = '';
    socket.setTimeout(500, () => socket.end());
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(received));
    socket.write(bytes);
  });
}

it('follows every link right after its 201: 1,000 links, 16 at a time', async () => {
  const answers = await concurrently(1_000, 16, async (index) => {
    const link = await newLink(ada, { long_url: `https://example.org/right-after/${index}` });
    const followed = await call(`/${link.code}`);
    return [followed.status, followed.headers.get('location')];
  });
  expect(answers).toEqual(answers.map((_, index) => [302, `https://example.org/right-after/${index}`]));
}, 120_000);

it('follows a chosen alias right after its 201, also one that looks like a generated code', async () => {
  for (const alias of [
    `spring-${Date.now()}`,
    Math.random().toString(36).slice(2, 9).padEnd(7, 'Z'),
    `été-${Date.now()}`,
  ]) {
    const link = await newLink(ada, { alias });
    const followed = await call(`/${encodeURIComponent(alias)}`);
    expect([followed.status, followed.headers.get('location')]).toEqual([302, link.long_url]);
  }
});

it('answers two HEADs, a 404 and a 302, on one socket', async () => {
  const { code } = await newLink(ada);
  const head = (path: string) => `HEAD ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  const received = await raw(head('/no-such-code') + head(`/${code}`) + head('/no-such-code') + head(`/${code}`));
  expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 404', 'HTTP/1.1 302', 'HTTP/1.1 404', 'HTTP/1.1 302']);
  expect(received).not.toContain('<');
});

it.each(['code=x', 'code=', 'codes=1&code=y', 'utm_source=a%20b&fbclid=1', 'path=%2F', 'data=1'])(
  'lets no query string change where a link leads: ?%s',
  async (query) => {
    const link = await newLink(ada);
    for (const prefix of ['/', '/r/']) {
      const followed = await call(`${prefix}${link.code}?${query}`);
      expect([followed.status, followed.headers.get('location')]).toEqual([302, link.long_url]);
    }
  },
);

it.each([301, 302, 307, 308])('answers with the link’s own status, %i', async (redirect_status) => {
  const link = await newLink(ada, { redirect_status, long_url: 'https://example.org/100%25?q=%C3%A9%20#top' });
  for (const method of ['GET', 'HEAD']) {
    const followed = await call(`/${link.code}`, { method });
    expect(followed.status).toBe(redirect_status);
    expect(followed.headers.get('location')).toBe('https://example.org/100%25?q=%C3%A9%20#top');
    const cached = redirect_status === 301 || redirect_status === 308;
    expect(followed.headers.get('cache-control')).toBe(cached ? 'private, max-age=30' : 'private, no-store');
    expect(followed.text).toBe('');
    const leaked = [...followed.headers.keys()].filter((name) => /^(grpc-|x-envoy-|x-status|x-hop-)/.test(name));
    expect(leaked).toEqual([]);
  }
});

it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('refuses %s on a link with 405 and Allow', async (method) => {
  const { code } = await newLink(ada);
  const answer = await call(`/${code}`, { method });
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
});

it('answers an unknown code with a page for browsers and the error body for programs', async () => {
  const page = await call('/no-such-code', { headers: { accept: 'text/html,*/*;q=0.8' } });
  expect(page.status).toBe(404);
  expect(page.headers.get('content-type')).toMatch(/^text\/html/);
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  const body = await call('/no-such-code', { headers: { accept: 'application/json' } });
  expect([body.status, reasonOf(body)]).toEqual([404, 'LINK_NOT_FOUND']);
});

it('answers 410 once a link is disabled, deleted or expired, and follows it again when it is switched on', async () => {
  const link = await newLink(ada);
  const status = async () => (await call(`/${link.code}`)).status;
  const patch = (patched: object) =>
    call(`/api/v1/urls/${link.code}`, { method: 'PATCH', token: ada.token, body: patched });
  expect(await status()).toBe(302);
  expect((await patch({ is_active: false })).status).toBe(200);
  await eventually(status, (seen) => seen === 410, { timeoutMs: 2_000, everyMs: 5 });
  expect((await patch({ is_active: true })).status).toBe(200);
  await eventually(status, (seen) => seen === 302, { timeoutMs: 2_000, everyMs: 5 });
  expect((await call(`/api/v1/urls/${link.code}`, { method: 'DELETE', token: ada.token })).status).toBe(200);
  await eventually(status, (seen) => seen === 410, { timeoutMs: 2_000, everyMs: 5 });
  const short = await newLink(ada, { ttl: 1 });
  await eventually(
    async () => (await call(`/${short.code}`)).status,
    (seen) => seen === 410,
    { timeoutMs: 5_000 },
  );
});

it('shows an edit everywhere: every follower sees the new destination soon after the PATCH was answered', async () => {
  const link = await newLink(ada);
  await concurrently(20, 4, () => call(`/${link.code}`));
  for (let round = 0; round < 10; round++) {
    const long_url = `https://example.org/edited/${round}`;
    const patched = await call(`/api/v1/urls/${link.code}`, { method: 'PATCH', token: ada.token, body: { long_url } });
    expect(patched.status, patched.text).toBe(200);
    // Several connections reach all resolvers; all have to agree.
    await eventually(
      () => concurrently(8, 8, async () => (await call(`/${link.code}`)).headers.get('location')),
      (locations) => locations.every((location) => location === long_url),
      { timeoutMs: 2_000, everyMs: 5 },
    );
  }
});

it('shows where a link leads, without following it, behind a plus', async () => {
  const link = await newLink(ada, { title: '<b>not bold</b>' });
  const page = await call(`/${link.code}+`, { headers: { accept: 'text/html' } });
  expect(page.status).toBe(200);
  expect(page.text).toContain(link.long_url);
  expect(page.text).not.toContain('<b>not bold</b>');
});

it.each(['/%ff', '/%zz', `/${'a'.repeat(65)}`, '/%00', '/a%0d%0ab', '/..%2f..%2fetc', '/r/', '/r/a/b', '/a%2Fb'])(
  'answers the malformed path %s with 400 or 404',
  async (path) => {
    const received = await raw(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    expect(received.split('\r\n')[0]).toMatch(/^HTTP\/1\.1 (400|404) /);
  },
);
