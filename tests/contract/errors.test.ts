import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { call, fieldsOf, reasonOf } from '../support/http.ts';
import { newLink, newPerson, type Person } from '../support/people.ts';
import { httpRequest, openConnection } from './support/connection.ts';
import { publicCalls, requestOf, restFormsOf, type Subject } from './support/public-calls.ts';
import { expectBad, expectRefusal, innerHeadersOf } from './support/refusals.ts';
import { callTyped, protocols, transportOf } from './support/typed.ts';

let ada: Person;
let subject: Subject;
beforeAll(async () => {
  ada = await newPerson();
  const { code } = await newLink(ada);
  subject = {
    code,
    apiKeyId: randomUUID(),
    userId: randomUUID(),
    invitationId: randomUUID(),
    refreshToken: (await newPerson()).refreshToken,
  };
});

const good = { long_url: 'https://example.org/' };
const urls = '/api/v1/urls';

describe('The public contract over HTTP', () => {
  it('JSON is snake_case; times are RFC 3339 UTC; ids are opaque strings; counts are JSON numbers', async () => {
    const link = await newLink(ada, { expires_at: '2099-06-01T02:00:00+02:00', tags: ['a'] });
    for (const name of Object.keys(link)) expect(name).toMatch(/^[a-z]+(?:_[a-z]+)*$/);
    for (const name of ['created_at', 'updated_at', 'expires_at'])
      expect(link[name]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/);
    expect(link.expires_at).toBe('2099-06-01T00:00:00Z');
    expect([link.id, link.code, link.etag].map((id) => typeof id)).toEqual(['string', 'string', 'string']);
    expect(link.click_count).toBe(0);
    const stats = (await call(`${urls}/${link.code}/stats`, { token: ada.token })).json;
    for (const name of ['clicks', 'visitors', 'bots']) expect(stats[name]).toBe(0);
  });

  it.each(publicCalls.map((found) => [found.name, found] as const))(
    'the same call exists as gRPC-Web and gRPC on the same port, by full method name: %s',
    async (_, publicCall) => {
      const headers: Record<string, string> = publicCall.anonymous ? {} : { authorization: 'Bearer nonsense' };
      for (const protocol of protocols) {
        const answer = await callTyped(transportOf(protocol), publicCall, requestOf(publicCall, subject), headers);
        expect(['Unimplemented', 'Internal', 'Unknown', 'Unavailable'], answer.message).not.toContain(answer.code);
        if (!publicCall.anonymous)
          expect([answer.code, answer.reason]).toEqual(['Unauthenticated', 'CREDENTIALS_INVALID']);
      }
    },
  );
});

describe('Errors', () => {
  it.each<[status: number, reason: string, what: string, ask: () => ReturnType<typeof call>]>([
    [400, 'DESTINATION_INVALID', 'invalid', () => call(urls, { token: ada.token, body: { long_url: 'nothing' } })],
    [400, 'UNKNOWN_FIELD', 'unknown JSON fields', () => call(urls, { token: ada.token, body: { ...good, colour: 1 } })],
    [400, 'UNKNOWN_FIELD', 'unknown query parameters', () => call(`${urls}?colour=1`, { token: ada.token })],
    [401, 'CREDENTIALS_MISSING', 'no credentials', () => call(urls)],
    [401, 'CREDENTIALS_INVALID', 'bad credentials', () => call(urls, { token: 'nonsense' })],
    [404, 'LINK_NOT_FOUND', 'absent', () => call(`${urls}/no-such`, { token: ada.token })],
    [404, 'NOT_FOUND', 'an unknown path of the API', () => call('/api/v1/nothing', { token: ada.token })],
    [404, 'NOT_FOUND', 'an unknown path under /api', () => call('/api/nothing/at/all')],
    [404, 'NOT_FOUND', '/api/ itself', () => call('/api/')],
    [405, 'METHOD_NOT_ALLOWED', 'another method', () => call(urls, { method: 'PUT', token: ada.token, body: good })],
    [413, 'REQUEST_TOO_LARGE', 'too large a body', () => call(urls, { token: ada.token, body: tooLarge() })],
    [431, 'REQUEST_TOO_LARGE', 'too large headers', () => call(urls, { headers: { 'x-large': 'x'.repeat(61_440) } })],
  ])('%i %s: %s', async (status, reason, _, ask) => {
    expectRefusal(await ask(), status, reason);
  });

  it('400 naming the field: a text as long as a body can be', async () => {
    for (const field of ['title', 'long_url', 'alias', 'domain']) {
      const answer = await call(urls, { token: ada.token, body: { ...good, [field]: 'x'.repeat(1_000_000) } });
      expectBad(answer, field);
    }
  });

  const tooLarge = () => ({ long_url: `https://example.org/${'x'.repeat(1_048_576)}` });

  it('409 taken, or a stale etag', async () => {
    const link = await newLink(ada, { alias: `taken-${randomUUID()}` });
    expectRefusal(await call(urls, { token: ada.token, body: { ...good, alias: link.code } }), 409, 'ALIAS_TAKEN');
    const path = `${urls}/${link.code}`;
    const stale = await call(path, { method: 'PATCH', token: ada.token, body: { title: 'x', etag: 'another' } });
    expectRefusal(stale, 409, 'ETAG_STALE');
    expectRefusal(await call(`${path}?etag=another`, { method: 'DELETE', token: ada.token }), 409, 'ETAG_STALE');
  });

  it('403 known caller, scope missing; the scope is named', async () => {
    const key = await call('/api/v1/api-keys', { token: ada.token, body: { name: 'r', scopes: ['links:read'] } });
    const refused = await call(urls, { token: key.json.secret, body: good });
    expectRefusal(refused, 403, 'SCOPE_MISSING');
    expect(JSON.stringify(refused.json.details)).toContain('links:write');
  });

  it('410 gone, redirects only', async () => {
    const link = await newLink(ada, { is_active: undefined });
    await call(`${urls}/${link.code}`, { method: 'DELETE', token: ada.token });
    const gone = await call(`/${link.code}`, { headers: { accept: 'application/json' } });
    if (gone.status === 302) return expect.fail('A deleted link was followed after its 200.');
    expectRefusal(gone, 410, 'LINK_DELETED');
    expectRefusal(await call(`${urls}/${link.code}`, { token: ada.token }), 404);
  });

  it('a bad request names the fields by their names in JSON, all at once', async () => {
    const body = { long_url: 'x', alias: 'a b', ttl: 0, title: 'a\nb', tags: ['a\nb'] };
    const answer = await call(urls, { token: ada.token, body });
    expectRefusal(answer, 400);
    expect(fieldsOf(answer).sort()).toEqual(['alias', 'long_url', 'tags', 'title', 'ttl']);
  });

  const forms = publicCalls.flatMap(({ rules }) => rules.map(({ pattern }) => pattern.value as string));
  it.each([...new Set(forms)])('405 with Allow: %s', async (template) => {
    const path = template.replace(/\{[^}]*\}/g, 'x');
    const tried = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'];
    const allowed = publicCalls
      .flatMap((publicCall) =>
        restFormsOf(publicCall, { code: 'x', apiKeyId: 'x', userId: 'x', invitationId: 'x', refreshToken: 'x' }),
      )
      .filter((form) => form.path.split('?')[0] === path || sameShape(form.path, template))
      .flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
    for (const method of tried.filter((one) => !allowed.includes(one))) {
      const answer = await call(path, { method, token: ada.token });
      expect([method, answer.status]).toEqual([method, 405]);
      expect(answer.headers.get('allow')?.split(', ').sort(), `${method} ${path}`).toEqual(
        [...new Set(allowed)].sort(),
      );
      if (method !== 'HEAD') expectRefusal(answer, 405, 'METHOD_NOT_ALLOWED');
    }
  });

  const sameShape = (path: string, template: string) =>
    new RegExp(`^${template.replace(/\{[^}]*\}/g, '(?:x|me)')}$`).test(path.split('?')[0] ?? '');

  it.each([
    ['text/plain', '{"long_url":"https://example.org/"}'],
    ['application/x-www-form-urlencoded', 'long_url=https%3A%2F%2Fexample.org%2F'],
    ['multipart/form-data; boundary=x', '--x\r\n\r\n--x--\r\n'],
    ['text/html', '<p>'],
    ['application/json; charset=utf-16', '{}'],
    ['application/grpc+json', '{}'],
    ['application/connect+json', '{}'],
    ['*/*', '{}'],
    ['', '{}'],
  ])('no 415 for a browser: content-type %j', async (type, body) => {
    for (const path of [
      urls,
      '/api/auth/login',
      '/',
      '/no-such-code',
      `/${subject.code}`,
      '/r/x',
      '/healthz',
      '/api/v1/users/me',
    ]) {
      for (const method of ['GET', 'POST']) {
        const headers = { 'content-type': type, accept: 'text/html' };
        const answer = await call(path, { method, token: ada.token, headers, ...(method === 'POST' ? { body } : {}) });
        expect(answer.status, `${method} ${path} ${answer.text}`).not.toBe(415);
        expect(answer.status, `${method} ${path} ${answer.text}`).toBeLessThan(500);
      }
    }
  });

  it('no grpc-*, x-envoy-* or x-status header on a REST answer', async () => {
    const { token } = ada;
    const answers = [
      await call(urls, { token }),
      await call(urls, { token, body: good }),
      await call(urls, { token, body: {} }),
      await call(`${urls}/no-such`, { token }),
      await call('/api/v1/users/me'),
      await call('/api/auth/login', { body: { email: 'nobody@example.org', password: 'nothing at all' } }),
      await call('/.well-known/jwks.json'),
      await call('/api/nothing'),
      await call(`${urls}/${subject.code}/stats`, { token }),
      ...(await Promise.all(
        ['/', '/no-such-code', '/a/b/c', '/robots.txt', '/healthz', '/readyz'].map((path) => call(path)),
      )),
      await call(`/${subject.code}`),
      await call(`/${subject.code}`, { method: 'HEAD' }),
      await call(`/${subject.code}`, { method: 'POST' }),
      await call(`/${subject.code}+`),
    ];
    for (const { headers, status } of answers) expect([status, innerHeadersOf(headers)]).toEqual([status, []]);
  });

  it('every error has an ErrorInfo, Envoy’s own as well', async () => {
    const auth = { authorization: `Bearer ${ada.token}` };
    const json = { 'content-type': 'application/json' };
    for (const [bytes, statuses] of [
      [httpRequest('POST', urls, { ...auth, ...json }, '{"long_url":'), [400]],
      [httpRequest('GET', `${urls}/%ff`, auth), [400]],
      [httpRequest('GET', `${urls}/a%zzb`, auth), [400]],
      [httpRequest('GET', `${urls}/a%00b`, auth), [400]],
      [httpRequest('GET', `${urls}?search=%ff`, auth), [400]],
      [httpRequest('GET', `${urls}?search=%`, auth), [400]],
      [httpRequest('GET', '/api/../api/v1/nothing', auth), [404]],
      [httpRequest('TRACE', urls, auth), [405]],
      [httpRequest('BREW', urls, auth), [400, 405]],
      [httpRequest('POST', urls, { ...auth, ...json, expect: '100-continue' }, '{}'), [400]],
    ] as const) {
      const connection = await openConnection();
      connection.send(bytes);
      const answer = await connection.answer();
      connection.close();
      const first = bytes.toString('latin1').split('\r\n')[0];
      expect(answer, first).toBeDefined();
      const { status, headers, body } = answer as NonNullable<typeof answer>;
      expect(statuses, `${first}: ${status} ${body}`).toContain(status);
      const json_ = (() => {
        try {
          return JSON.parse(body);
        } catch {
          return undefined;
        }
      })();
      expectRefusal({ status, headers: new Headers([...headers]), text: body, json: json_ }, status);
    }
  });

  it('the same error by gRPC and gRPC-Web carries the same reason', async () => {
    const find = publicCalls.find(({ name }) => name === 'LinkService/GetLink');
    if (!find) return expect.fail('There is no LinkService/GetLink.');
    const headers = { authorization: `Bearer ${ada.token}` };
    const byRest = await call(`${urls}/no-such`, { token: ada.token });
    for (const protocol of protocols) {
      const absent = await callTyped(
        transportOf(protocol),
        find,
        requestOf(find, { ...subject, code: 'no-such' }),
        headers,
      );
      expect([absent.code, absent.reason, absent.message]).toEqual(['NotFound', reasonOf(byRest), byRest.json.message]);
    }
  });
});
