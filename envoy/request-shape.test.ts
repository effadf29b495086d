import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Door, goodToken, startDoor } from './testing/door.ts';
import { ask, errorInfo, type HttpQuestion } from './testing/http.ts';

const createLink = 'hop.link.v1.LinkService/CreateLink';
const getLink = 'hop.link.v1.LinkService/GetLink';
const listLinks = 'hop.link.v1.LinkService/ListLinks';
const undeleteLink = 'hop.link.v1.LinkService/UndeleteLink';
const updateLink = 'hop.link.v1.LinkService/UpdateLink';

let door: Door;
beforeAll(async () => {
  door = await startDoor();
});
afterAll(() => door.stop());
beforeEach(() => door.clear());

const signed = (path: string, question: HttpQuestion = {}) =>
  ask(door.envoy.publicPort, path, { ...question, headers: { authorization: goodToken, ...question.headers } });

describe('a request that is not what the call takes is 400 and names what is wrong', () => {
  const cases: [what: string, body: string, reason: string, field: string | undefined][] = [
    ['an unknown field', '{"long_url":"x","nope":1}', 'UNKNOWN_FIELD', 'nope'],
    ['a field that repeats the path', '{"code":"x"}', 'UNKNOWN_FIELD', 'code'],
    ['an unknown field that is not a plain word', '{"long url [x]":1}', 'UNKNOWN_FIELD', 'long url [x]'],
    ['an unknown field with an escape', '{"n\\u006fpe":1}', 'UNKNOWN_FIELD', 'nope'],
    ['a number for a string', '{"long_url":5}', 'INVALID_ARGUMENT', 'long_url'],
    ['a string for a number', '{"ttl":"soon"}', 'INVALID_ARGUMENT', 'ttl'],
    ['an object for a string', '{"long_url":{}}', 'INVALID_ARGUMENT', 'long_url'],
    ['a string for a list', '{"tags":"a"}', 'INVALID_ARGUMENT', 'tags'],
    ['a number in a list of strings', '{"tags":["a",1]}', 'INVALID_ARGUMENT', 'tags'],
    ['nothing in a list of strings', '{"tags":["a", null]}', 'INVALID_ARGUMENT', 'tags'],
    ['no time', '{"expires_at":"soon"}', 'INVALID_ARGUMENT', 'expires_at'],
    ['a month too many', '{"expires_at":"2026-13-01T00:00:00Z"}', 'INVALID_ARGUMENT', 'expires_at'],
    ['a day too many', '{"expires_at":"2026-02-29T00:00:00Z"}', 'INVALID_ARGUMENT', 'expires_at'],
    ['an hour too many', '{"expires_at":"2026-01-31T24:00:00Z"}', 'INVALID_ARGUMENT', 'expires_at'],
    ['letters in lower case', '{"expires_at":"2026-01-31t00:00:00z"}', 'INVALID_ARGUMENT', 'expires_at'],
    ['a leap second', '{"expires_at":"2016-12-31T23:59:60Z"}', 'INVALID_ARGUMENT', 'expires_at'],
    ['a time without a zone', '{"expires_at":"2026-01-31T00:00:00"}', 'INVALID_ARGUMENT', 'expires_at'],
    ['the year 0', '{"expires_at":"0000-01-01T00:00:00Z"}', 'INVALID_ARGUMENT', 'expires_at'],
    ['an hour of the zone too many', '{"expires_at":"2026-01-31T00:00:00+24:00"}', 'INVALID_ARGUMENT', 'expires_at'],
    ['a minute of the zone too many', '{"expires_at":"2026-01-31T00:00:00-01:60"}', 'INVALID_ARGUMENT', 'expires_at'],
    ['less than a nanosecond', '{"expires_at":"2026-01-31T00:00:00.0000000001Z"}', 'INVALID_ARGUMENT', 'expires_at'],
    ['the year 0, by its zone', '{"expires_at":"0001-01-01T00:59:59+01:00"}', 'INVALID_ARGUMENT', 'expires_at'],
    ['the year 10000, by its zone', '{"expires_at":"9999-12-31T23:00:00-01:00"}', 'INVALID_ARGUMENT', 'expires_at'],
    ['a number too large', '{"ttl":99999999999}', 'INVALID_ARGUMENT', 'ttl'],
    ['a number too small', '{"ttl":-2147483649}', 'INVALID_ARGUMENT', 'ttl'],
    ['a number beyond all', '{"ttl":1e400}', 'INVALID_ARGUMENT', 'ttl'],
    ['a part of a whole', '{"ttl":1.5}', 'INVALID_ARGUMENT', 'ttl'],
    ['a number too large in a string', '{"ttl":"2147483648"}', 'INVALID_ARGUMENT', 'ttl'],
    ['an exponent in a string', '{"ttl":"6e1"}', 'INVALID_ARGUMENT', 'ttl'],
    ['a number without what its point promises', '{"ttl":1.}', 'MALFORMED_REQUEST', undefined],
    ['a number that begins with 0', '{"ttl":007}', 'MALFORMED_REQUEST', undefined],
    ['half an exponent', '{"ttl":1e}', 'MALFORMED_REQUEST', undefined],
    ['a field twice', '{"long_url":"x","long_url":"y"}', 'INVALID_ARGUMENT', 'long_url'],
    ['a field twice, once with an escape', '{"long_url":"x","long\\u005Furl":"y"}', 'INVALID_ARGUMENT', 'long_url'],
    ['a field twice, in both spellings', '{"long_url":"x","longUrl":"y"}', 'INVALID_ARGUMENT', 'longUrl'],
    ['a field twice, once null', '{"title":null,"title":"x"}', 'INVALID_ARGUMENT', 'title'],
    ['an escape that JSON does not have', '{"long_url":"\\q"}', 'MALFORMED_REQUEST', undefined],
    ['an escape that is cut', '{"long_url":"\\u00"}', 'MALFORMED_REQUEST', undefined],
    ['half a surrogate pair', '{"long_url":"\\ud800"}', 'MALFORMED_REQUEST', undefined],
    ['a list', '[]', 'INVALID_ARGUMENT', undefined],
    ['a string', '"x"', 'INVALID_ARGUMENT', undefined],
    ['nothing at all', 'null', 'INVALID_ARGUMENT', undefined],
    ['half an object', '{"long_url":', 'MALFORMED_REQUEST', undefined],
    ['an unquoted name', '{long_url:"x"}', 'MALFORMED_REQUEST', undefined],
    ['single quotes', "{'long_url':'x'}", 'MALFORMED_REQUEST', undefined],
    ['a trailing comma', '{"long_url":"x",}', 'MALFORMED_REQUEST', undefined],
    ['two objects', '{}{}', 'MALFORMED_REQUEST', undefined],
    ['deep nesting', `{"tags":${'['.repeat(100_000)}`, 'INVALID_ARGUMENT', 'tags'],
    ['a form', 'long_url=x', 'MALFORMED_REQUEST', undefined],
  ];
  test.each(cases)('%s', async (_, body, reason, field) => {
    const answer = await signed('/api/v1/urls', { method: 'POST', body });
    expect([answer.status, errorInfo(answer).reason, errorInfo(answer).metadata.field]).toEqual([400, reason, field]);
    expect(errorInfo(answer).domain).toBe('hopline');
    expect(door.callsOf(createLink)).toEqual([]);
  });

  test('what a time looks like is said by an example', async () => {
    const answer = await signed('/api/v1/urls/abc/stats?to=2026-01-31t00:00:00z');
    expect(JSON.parse(answer.body).message).toBe('to: Expected a time such as 2030-01-31T12:00:00Z (RFC 3339).');
  });

  test('bytes that are not UTF-8', async () => {
    const body = Buffer.from([...Buffer.from('{"long_url":"'), 0xff, ...Buffer.from('"}')]);
    expect((await signed('/api/v1/urls', { method: 'POST', body })).status).toBe(400);
  });

  test.each([
    ['/api/v1/urls?nope=1', 'UNKNOWN_FIELD', 'nope'],
    ['/api/v1/urls/abc?code=x', 'UNKNOWN_FIELD', 'code'],
    ['/api/v1/urls/abc?c%6Fde=x', 'UNKNOWN_FIELD', 'code'],
    ['/api/v1/users/me/urls?user_id=x', 'UNKNOWN_FIELD', 'user_id'],
    ['/api/v1/users/me/urls?userId=x', 'UNKNOWN_FIELD', 'userId'],
    ['/api/v1/urls/abc/stats?from=2026-02-30T00:00:00Z', 'INVALID_ARGUMENT', 'from'],
    ['/api/v1/urls/abc/stats?from=2026-02-01T00:00:00%2B99:99', 'INVALID_ARGUMENT', 'from'],
    ['/api/v1/urls/abc/stats?from=2026-02-01+00:00:00Z', 'INVALID_ARGUMENT', 'from'],
    ['/api/v1/urls?page_size=many', 'INVALID_ARGUMENT', 'page_size'],
    ['/api/v1/urls?page_size=99999999999', 'INVALID_ARGUMENT', 'page_size'],
    ['/api/v1/urls?page_size=1.5', 'INVALID_ARGUMENT', 'page_size'],
    ['/api/v1/urls?page_size=1e1', 'INVALID_ARGUMENT', 'page_size'],
    ['/api/v1/urls?page_size=1&page_size=2', 'INVALID_ARGUMENT', 'page_size'],
    ['/api/v1/urls?page_size=1&pageSize=2', 'INVALID_ARGUMENT', 'pageSize'],
    ['/api/v1/urls?search=a&search=b', 'INVALID_ARGUMENT', 'search'],
    ['/api/v1/urls?tags[]=a', 'UNKNOWN_FIELD', 'tags[]'],
    ['/api/v1/urls?page%5Bsize%5D=1', 'UNKNOWN_FIELD', 'page[size]'],
    ['/api/v1/urls?$top=1', 'UNKNOWN_FIELD', '$top'],
    ['/api/v1/urls?%22=1', 'UNKNOWN_FIELD', undefined],
    ['/api/v1/urls?%5C=1', 'UNKNOWN_FIELD', undefined],
    ['/api/v1/urls?%C3%BC=1', 'UNKNOWN_FIELD', undefined],
    ['/api/v1/urls?=1', 'UNKNOWN_FIELD', undefined],
    ['/api/v1/urls?search=%ff', 'MALFORMED_REQUEST', undefined],
    ['/api/v1/urls/%ff', 'MALFORMED_REQUEST', undefined],
    [`/api/v1/urls?${'tag=x&'.repeat(65)}`, 'INVALID_ARGUMENT', 'tag'],
  ])('%s', async (path, reason, field) => {
    const answer = await signed(path);
    expect([answer.status, errorInfo(answer).reason, errorInfo(answer).metadata.field]).toEqual([400, reason, field]);
    expect([...door.callsOf(getLink), ...door.callsOf(listLinks)]).toEqual([]);
  });

  test('what is right passes, in every spelling that JSON has', async () => {
    const body =
      ' {"long_url" : "\\u0061\\"\\\\é", "ttl":60,\n"tags":["a", "b"], "title":null, "expiresAt":"2026-11-01T00:00:00.5+02:00"} ';
    expect((await signed('/api/v1/urls', { method: 'POST', body })).status).toBe(200);
    expect(door.callsOf(createLink)[0]?.request).toEqual({
      longUrl: 'a"\\é',
      ttl: 60,
      tags: ['a', 'b'],
      expiresAt: '2026-10-31T22:00:00.500Z',
    });
  });

  test.each([
    ['60', 60],
    ['6e1', 60],
    ['600.0E-1', 60],
    ['"60"', 60],
    ['-0', 0],
    ['2147483647', 2_147_483_647],
    ['-2147483648', -2_147_483_648],
  ])('a whole number may be written %s', async (written, ttl) => {
    expect((await signed('/api/v1/urls', { method: 'POST', body: `{"ttl":${written}}` })).status).toBe(200);
    expect(door.callsOf(createLink)[0]?.request).toEqual({ ttl });
  });

  test.each([
    ['2026-01-01T00:00:00.123456789-23:59', '2026-01-01T23:59:00.123456789Z'],
    ['0001-01-01T01:00:00+01:00', '0001-01-01T00:00:00Z'],
    ['9999-12-31T22:59:59-01:00', '9999-12-31T23:59:59Z'],
  ])('a time may be written %s', async (written, expiresAt) => {
    const body = `{"expires_at":"${written}"}`;
    expect((await signed('/api/v1/urls', { method: 'POST', body })).status).toBe(200);
    expect(door.callsOf(createLink)[0]?.request).toEqual({ expiresAt });
  });

  test('a name may have escapes', async () => {
    const body = '{"\\u006Cong\\u005furl":"x"}';
    expect((await signed('/api/v1/urls', { method: 'POST', body })).status).toBe(200);
    expect(door.callsOf(createLink)[0]?.request).toEqual({ longUrl: 'x' });
  });

  test('a string may have every escape', async () => {
    const body = '{"long_url":"\\b\\f\\n\\r\\t\\/\\\\\\"\\u00E9\\ud83d\\ude00"}';
    expect((await signed('/api/v1/urls', { method: 'POST', body })).status).toBe(200);
    expect(door.callsOf(createLink)[0]?.request).toEqual({ longUrl: '\b\f\n\r\t/\\"é😀' });
  });

  test.each([
    'Title',
    'TITLE',
    'titel',
    'title,,tags',
    ',',
    'title,',
    'title,title',
    'expires_at,expiresAt',
    'title, tags',
    '*',
    'code',
  ])('a mask that is not the names of fields, each once: %s', async (mask) => {
    for (const name of ['update_mask', 'updateMask']) {
      const path = `/api/v1/urls/abc?${name}=${encodeURIComponent(mask)}`;
      const answer = await signed(path, { method: 'PATCH', body: '{}' });
      expect([answer.status, errorInfo(answer).reason]).toEqual([400, 'INVALID_ARGUMENT']);
      expect(errorInfo(answer).metadata.field).toBe(name);
    }
    expect(door.callsOf(updateLink)).toEqual([]);
  });

  test.each([
    ['', ''],
    ['title', 'title'],
    ['redirect_status,expiresAt', 'redirectStatus,expiresAt'],
  ])('a mask of the fields %j', async (written, updateMask) => {
    const path = `/api/v1/urls/abc?update_mask=${written}`;
    expect((await signed(path, { method: 'PATCH', body: '{}' })).status).toBe(200);
    expect(door.callsOf(updateLink)[0]?.request).toEqual({
      code: 'abc',
      patch: {},
      updateMask,
    });
  });

  test('a patch is the body, the mask the query', async () => {
    const path = '/api/v1/urls/abc?update_mask=expires_at,tags&domain=localhost';
    expect((await signed(path, { method: 'PATCH', body: '{"title":"x","is_active":false}' })).status).toBe(200);
    expect(door.callsOf(updateLink)[0]?.request).toEqual({
      code: 'abc',
      domain: 'localhost',
      patch: { title: 'x', isActive: false },
      updateMask: 'expiresAt,tags',
    });
    const repeated = await signed('/api/v1/urls/abc', { method: 'PATCH', body: '{"code":"other"}' });
    expect([repeated.status, errorInfo(repeated).metadata.field]).toEqual([400, 'code']);
  });

  test.each(['/api/v1/urls', '/api/v1/urls/abc', '/api/v1/urls/abc/stats'])(
    'a call without a body takes no field from one: GET %s',
    async (path) => {
      const send = (body: string) => signed(path, { body, headers: { 'content-length': String(body.length) } });
      const domain = await send('{"domain":"other","search":"x","code":"x"}');
      expect([domain.status, errorInfo(domain).reason]).toEqual([400, 'UNKNOWN_FIELD']);
      expect(errorInfo(await send('hello')).reason).toBe('MALFORMED_REQUEST');
      expect((await send('{}')).status).toBe(200);
    },
  );

  test('a time is read with the escapes that some writers of JSON put into it', async () => {
    const body = '{"long_url":"x","expires_at":"2099-01-01T02:00:00\\u002B02:00","ttl":"\\u0036\\u0030"}';
    expect((await signed('/api/v1/urls', { method: 'POST', body })).status).toBe(200);
    expect(door.callsOf(createLink)[0]?.request).toMatchObject({ expiresAt: '2099-01-01T00:00:00Z', ttl: 60 });
    const wrong = '{"long_url":"x","expires_at":"2099-01-01T02:00:00\\u002602:00"}';
    const answer = await signed('/api/v1/urls', { method: 'POST', body: wrong });
    expect([answer.status, errorInfo(answer).metadata.field]).toEqual([400, 'expires_at']);
  });

  test.each(['+01:00', '%2B01:00'])(
    'a time in a query may have an offset, and its plus as it is: %s',
    async (offset) => {
      const path = `/api/v1/urls/abc/stats?from=2026-01-01T01:30:00${offset}&domain=a+b&to=2026-01-02T00:00:00.5${offset}`;
      expect((await signed(path)).status).toBe(200);
      expect(door.callsOf('hop.analytics.v1.AnalyticsService/GetLinkStats')[0]?.request).toEqual({
        code: 'abc',
        domain: 'a b',
        from: '2026-01-01T00:30:00Z',
        to: '2026-01-01T23:00:00.500Z',
      });
    },
  );

  test.each([
    ['', '{"tags":[]}', 'tags'],
    ['', '{"title":"x","tags":[ ]}', 'tags'],
    ['?update_mask=expires_at', '{"tags":[]}', 'expiresAt,tags'],
    ['?domain=a.example&updateMask=tags', '{"tags":[]}', 'tags,tags'],
    ['?update%5Fmask=title%2Cttl', '{"tags":[]}', 'title,ttl,tags'],
    ['?update_mask=', '{"tags":[]}', 'tags'],
    ['', '{"tags":null}', undefined],
    ['', '{"tags":["a"]}', undefined],
    ['?update_mask=tags', '{}', 'tags'],
  ])('an empty list in the body is one to empty: PATCH %s %s', async (query, body, updateMask) => {
    const answer = await signed(`/api/v1/urls/abc${query}`, { method: 'PATCH', body });
    expect(answer.status, answer.body).toBe(200);
    const asked = door.callsOf(updateLink).map(({ request }) => (request as { updateMask?: string }).updateMask);
    expect(asked).toEqual([updateMask]);
  });

  test('nor does a DELETE', async () => {
    const send = (body: string) =>
      signed('/api/v1/urls/abc', { method: 'DELETE', body, headers: { 'content-length': String(body.length) } });
    expect((await send('{"etag":"x"}')).status).toBe(400);
    expect((await send('{}')).status).toBe(200);
    expect(door.callsOf('hop.link.v1.LinkService/DeleteLink').map(({ request }) => request)).toEqual([{ code: 'abc' }]);
  });

  test.each([
    ['/api/v1/urls', createLink, '{"long_url":"x"}', { longUrl: 'x' }],
    ['/api/urls', createLink, '{"original_url":"x"}', { originalUrl: 'x' }],
    ['/api/v1/urls/abc:undelete', undeleteLink, undefined, { code: 'abc' }],
    ['/api/v1/urls/abc:undelete', undeleteLink, '{}', { code: 'abc' }],
  ])('the query picks the domain of POST %s', async (path, rpc, body, request) => {
    const sent = body === undefined ? {} : { body };
    expect((await signed(`${path}?domain=go.example.com`, { method: 'POST', ...sent })).status).toBe(200);
    expect(door.callsOf(rpc)[0]?.request).toEqual({ ...request, domain: 'go.example.com' });
  });

  test.each(['/api/v1/urls', '/api/v1/urls/abc:undelete'])('a domain is said once: POST %s', async (path) => {
    const answer = await signed(`${path}?domain=a.example`, { method: 'POST', body: '{"domain":"b.example"}' });
    expect([answer.status, errorInfo(answer).reason]).toEqual([400, 'INVALID_ARGUMENT']);
    expect(errorInfo(answer).metadata.field).toBe('domain');
    const other = await signed(`${path}?title=x`, { method: 'POST', body: '{}' });
    expect([other.status, errorInfo(other).metadata.field]).toEqual([400, 'title']);
    expect([...door.callsOf(createLink), ...door.callsOf(undeleteLink)]).toEqual([]);
  });

  test('a query may hold spaces and any script', async () => {
    expect((await signed('/api/v1/urls?search=a+b%20%C3%A9&page_size=5&page_token=')).status).toBe(200);
    expect(door.callsOf(listLinks)[0]?.request).toEqual({ search: 'a b é', pageSize: 5 });
  });
});
