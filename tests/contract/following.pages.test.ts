import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { call } from '../support/http.ts';
import { newLink, newPerson, type Person } from '../support/people.ts';
import { httpRequest, openConnection } from './support/connection.ts';
import { edited, followed, html, json } from './support/links.ts';
import { expectRefusal, leakIn } from './support/refusals.ts';

let ada: Person;
beforeAll(async () => {
  ada = await newPerson();
});

describe('Unknown: 404; expired, disabled, used up, deleted: 410; a page for browsers, the error body for Accept: application/json', () => {
  const gone: [state: string, reason: string, make: () => Promise<string>][] = [
    [
      'disabled',
      'LINK_DISABLED',
      async () => (await edited(ada, (await newLink(ada)).code, { is_active: false })).code,
    ],
    [
      'used up',
      'LINK_USED_UP',
      async () => {
        const { code } = await newLink(ada, { max_clicks: 1 });
        expect((await call(`/${code}`)).status).toBe(302);
        return code;
      },
    ],
    ['expired', 'LINK_EXPIRED', async () => (await newLink(ada, { ttl: 1 })).code],
    [
      'deleted',
      'LINK_DELETED',
      async () => {
        const { code } = await newLink(ada);
        await call(`/api/v1/urls/${code}`, { method: 'DELETE', token: ada.token });
        return code;
      },
    ],
  ];

  it.each(gone)('%s: 410', async (state, reason, make) => {
    const code = await make();
    await eventually(
      () => followed(code),
      ([status]) => status === 410,
      { timeoutMs: 5_000 },
    );
    for (const path of [`/${code}`, `/r/${code}`, `/${code}?a=b`]) {
      const page = await call(path, { headers: html });
      expect([page.status, page.headers.get('content-type')]).toEqual([410, 'text/html; charset=utf-8']);
      expect(page.text.toLowerCase()).toContain(state);
      expectPage(page);
      expectRefusal(await call(path, { headers: json }), 410, reason);
    }
  });

  it('unknown: 404', async () => {
    for (const path of ['/no-such-code', '/r/no-such-code', '/Ab3xYz9', '/%C3%A9t%C3%A9']) {
      const page = await call(path, { headers: html });
      expect([page.status, page.headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8']);
      expectPage(page);
      expectRefusal(await call(path, { headers: json }), 404, 'LINK_NOT_FOUND');
    }
  });

  it.each([
    ['text/html', 'page'],
    ['*/*', 'page'],
    ['', 'page'],
    ['application/json', 'body'],
    ['APPLICATION/JSON', 'body'],
    ['application/json;q=0.9, text/html;q=0.8', 'body'],
    ['text/html, application/json;q=0.9', 'page'],
    ['application/json;q=0', 'page'],
    ['application/problem+json', 'body'],
    ['text/plain', 'page'],
    ['nonsense;;;q=', 'page'],
    ['x'.repeat(5_000), 'page'],
  ])('Accept decides: %s -> the %s', async (accept, form) => {
    const answer = await call('/no-such-code', { headers: { accept } });
    expect(answer.status).toBe(404);
    expect(answer.headers.get('content-type')).toMatch(form === 'body' ? /^application\/json/ : /^text\/html/);
    expect(answer.headers.get('vary')?.toLowerCase()).toContain('accept');
  });

  function expectPage({ headers, text }: { headers: Headers; text: string }): void {
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe-eval|script-src(?! 'none')|\*/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toMatch(/no-store/);
    expect(text).toMatch(/<meta name="?viewport"?/);
    expect(text).toContain('prefers-color-scheme');
    expect(text).not.toMatch(/<script|javascript:|\son\w+=|https?:\/\/(?!localhost|example\.org|www\.w3\.org)/i);
    expect(leakIn(text)).toBeUndefined();
  }
});

describe('A malformed path is 400 or 404, never 5xx', () => {
  it.each(
    [
      '/%ff',
      '/%zz',
      '/%',
      '/%2',
      '/%00',
      '/%01',
      '/%7f',
      '/%c2%80',
      '/%0d%0aset-cookie:%20a=b',
      '/%e2%80%8b',
      '/%ed%a0%80',
      '/%c0%af',
      '/%f4%90%80%80',
      '/%F0%9F%98%80',
      '/a%20b',
      '/a+b',
      '/a%2Fb',
      '/a%5cb',
      '/a.b',
      '/a;b',
      '/a:b',
      '/a@b',
      '/a,b',
      "/'",
      '/"',
      '/<b>',
      '/*',
      '/~root',
      '/$%7Bjndi:ldap:x%7D',
      '/..%2f..%2fetc%2fpasswd',
      '/%2e%2e/%2e%2e/etc/passwd',
      '/.git/config',
      '/.env',
      '/wp-login.php',
      `/${'a'.repeat(65)}`,
      `/${'%C3%A9'.repeat(65)}`,
      `/${'a'.repeat(8_000)}`,
      `/${'%CC%81'.repeat(2_000)}`,
      '/r/',
      '/r',
      '/r/a/b',
      '/r//',
      '/+',
      '/++',
      '/abc++',
      '/\x80\x81',
      '/\xe9t\xe9',
    ].map((path) => [path.slice(0, 60), path] as const),
  )('%s', async (_, path) => {
    const connection = await openConnection();
    for (const accept of ['application/json', 'text/html']) {
      for (const method of ['GET', 'HEAD']) {
        connection.send(httpRequest(method, path, { accept }));
        const answer = await connection.answer(method === 'HEAD');
        expect([400, 404], `${method} ${path}: ${answer?.status} ${answer?.body}`).toContain(answer?.status);
        expect(answer?.headers.get('set-cookie')).toBeUndefined();
        expect(leakIn((answer?.body ?? '').replaceAll(path, ''))).toBeUndefined();
        if (method === 'GET' && accept === 'application/json')
          expect(answer?.body, `${path}: ${answer?.body}`).toContain('google.rpc.ErrorInfo');
        if (answer?.headers.get('connection') === 'close') return connection.close();
      }
    }
    connection.close();
  });
});

describe('/{code}+ shows where a link leads without following it', () => {
  it('as a page that cannot be turned against its reader', async () => {
    const long_url = 'https://example.org/?q=<script>alert(1)</script>&a="onload=x&b=\'';
    const link = await newLink(ada, { title: '</title><script>alert(2)</script>', long_url });
    for (const path of [`/${link.code}+`, `/r/${link.code}+`, `/${link.code}%2B`]) {
      const page = await call(path, { headers: html });
      expect([path, page.status, page.headers.get('location')]).toEqual([path, 200, null]);
      expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(page.text).not.toMatch(/<script/i);
      expect(page.text).toContain('example.org');
      expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    }
  });

  it('is no click, and says of a link that is gone that it is gone', async () => {
    const link = await newLink(ada);
    for (let time = 0; time < 3; time++) await call(`/${link.code}+`);
    await call(`/api/v1/urls/${link.code}`, { method: 'DELETE', token: ada.token });
    await eventually(
      () => call(`/${link.code}+`),
      ({ status }) => status === 410,
      { timeoutMs: 10_000 },
    );
    expect((await call('/no-such-code+')).status).toBe(404);
    await call(`/api/v1/urls/${link.code}:undelete`, { token: ada.token, body: {} });
    await sleep(1_500);
    expect((await call(`/api/v1/urls/${link.code}`, { token: ada.token })).json.click_count).toBe(0);
  });
});

describe('GET / and unknown paths: a page', () => {
  it.each(['/', '/a/b', '/a/b/c.php', '/deep/er/and/deeper', '/file.txt', '/.well-known/nothing'])(
    '%s',
    async (path) => {
      const page = await call(path, { headers: html });
      expect(page.status).toBe(path === '/' ? 200 : 404);
      expect(page.headers.get('content-type')).toMatch(/^text\/html/);
      expect(page.headers.get('content-security-policy')).toBeTruthy();
      if (path !== '/') expectRefusal(await call(path, { headers: json }), 404);
    },
  );

  it('/robots.txt and /favicon.ico', async () => {
    const robots = await call('/robots.txt');
    expect([robots.status, robots.headers.get('content-type')]).toEqual([200, 'text/plain; charset=utf-8']);
    expect(robots.text).toMatch(/^User-agent:/im);
    const icon = await call('/favicon.ico');
    expect(icon.status).toBe(200);
    expect(icon.headers.get('content-type')).toMatch(/^image\//);
  });
});
