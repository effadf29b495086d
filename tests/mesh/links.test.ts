import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { concurrently } from '../support/concurrently.ts';
import { call, fieldsOf, reasonOf } from '../support/http.ts';
import { newLink, newPerson, type Person } from '../support/people.ts';

let ada: Person;
let eve: Person;
beforeAll(async () => {
  [ada, eve] = [await newPerson(), await newPerson()];
});

it('makes a link with every field, and answers it the same again', async () => {
  const alias = `all-${randomUUID()}`;
  const expires_at = '2099-01-02T03:04:05Z';
  const link = await newLink(ada, { alias, title: 'All of it', tags: ['b', 'a'], redirect_status: 308, expires_at });
  expect(link).toMatchObject({ code: alias, title: 'All of it', tags: ['a', 'b'], redirect_status: 308, expires_at });
  expect(link.short_url).toMatch(new RegExp(`/${alias}$`));
  const again = await call(`/api/v1/urls/${alias}`, { token: ada.token });
  expect(again.status).toBe(200);
  expect(again.json).toEqual(link);
});

it('changes only the fields named, and refuses a stale etag', async () => {
  const link = await newLink(ada, { title: 'before', tags: ['x'] });
  const path = `/api/v1/urls/${link.code}`;
  const patched = await call(path, { method: 'PATCH', token: ada.token, body: { title: 'after', etag: link.etag } });
  expect(patched.status, patched.text).toBe(200);
  expect(patched.json).toMatchObject({ title: 'after', tags: ['x'], long_url: link.long_url });
  expect(patched.json.etag).not.toBe(link.etag);
  const stale = await call(path, { method: 'PATCH', token: ada.token, body: { title: 'late', etag: link.etag } });
  expect([stale.status, reasonOf(stale)]).toEqual([409, 'ETAG_STALE']);
  const cleared = await call(`${path}?update_mask=tags`, { method: 'PATCH', token: ada.token, body: {} });
  expect(cleared.status, cleared.text).toBe(200);
  expect(cleared.json.tags ?? []).toEqual([]);
});

it('gives one alias to one of 20 writers', async () => {
  const alias = `race-${randomUUID()}`;
  const answers = await concurrently(20, 20, () =>
    call('/api/v1/urls', { token: ada.token, body: { long_url: 'https://example.org/', alias } }),
  );
  const statuses = answers.map((answer) => answer.status).sort();
  expect(statuses).toEqual([201, ...Array(19).fill(409)]);
  expect(reasonOf(answers.find((answer) => answer.status === 409) as never)).toBe('ALIAS_TAKEN');
});

it('lists in pages without gap or repeat', async () => {
  const grace = await newPerson();
  const made = await concurrently(25, 4, (index) => newLink(grace, { title: `n${index}` }));
  const seen: string[] = [];
  let token = '';
  do {
    const page = await call(`/api/v1/urls?page_size=10&page_token=${encodeURIComponent(token)}`, {
      token: grace.token,
    });
    expect(page.status, page.text).toBe(200);
    seen.push(...page.json.urls.map((link: { code: string }) => link.code));
    token = page.json.next_page_token ?? '';
  } while (token !== '');
  expect(seen.length).toBe(25);
  expect(new Set(seen)).toEqual(new Set(made.map((link) => link.code)));
});

it('restores what was deleted', async () => {
  const link = await newLink(ada);
  const path = `/api/v1/urls/${link.code}`;
  const deleted = await call(path, { method: 'DELETE', token: ada.token });
  expect([deleted.status, deleted.json]).toEqual([200, {}]);
  expect((await call(path, { token: ada.token })).status).toBe(404);
  const restored = await call(`${path}:undelete`, { token: ada.token, body: {} });
  expect(restored.status, restored.text).toBe(200);
  expect((await call(path, { token: ada.token })).status).toBe(200);
});

it('answers the first success of an idempotency key again', async () => {
  const headers = { 'idempotency-key': randomUUID() };
  const body = { long_url: 'https://example.org/once' };
  const first = await call('/api/v1/urls', { token: ada.token, body, headers });
  const second = await call('/api/v1/urls', { token: ada.token, body, headers });
  expect([first.status, second.status]).toEqual([201, 201]);
  expect(second.json.code).toBe(first.json.code);
  expect(second.headers.get('idempotency-replayed')).toBe('true');
  const other = await call('/api/v1/urls', {
    token: ada.token,
    body: { long_url: 'https://example.org/other' },
    headers,
  });
  expect([other.status, reasonOf(other)]).toEqual([409, 'IDEMPOTENCY_KEY_REUSED']);
});

describe('another tenant', () => {
  it.each([
    ['GET', '', undefined],
    ['PATCH', '', { title: 'mine now' }],
    ['DELETE', '', undefined],
    ['POST', ':undelete', {}],
    ['GET', '/stats', undefined],
  ])('%s …%s finds nothing', async (method, suffix, body) => {
    const link = await newLink(ada);
    const answer = await call(`/api/v1/urls/${link.code}${suffix}`, { method, token: eve.token, body });
    expect([answer.status, reasonOf(answer)]).toEqual([404, 'LINK_NOT_FOUND']);
  });
});

describe('a bad request names its field', () => {
  it.each([
    ['long_url', {}],
    ['long_url', { long_url: 'ftp://example.org/' }],
    ['long_url', { long_url: 'javascript:alert(1)' }],
    ['long_url', { long_url: 'http://127.1/' }],
    ['long_url', { long_url: 'http://user:pw@example.org/' }],
    ['long_url', { long_url: `https://example.org/${'a'.repeat(8_192)}` }],
    ['alias', { long_url: 'https://example.org/', alias: 'API' }],
    ['alias', { long_url: 'https://example.org/', alias: 'a/b' }],
    ['ttl', { long_url: 'https://example.org/', ttl: 0 }],
    ['expires_at', { long_url: 'https://example.org/', expires_at: '2001-01-01T00:00:00Z' }],
    ['redirect_status', { long_url: 'https://example.org/', redirect_status: 200 }],
    ['domain', { long_url: 'https://example.org/', domain: 'not-ours.example' }],
  ])('%s', async (field, body) => {
    const answer = await call('/api/v1/urls', { token: ada.token, body });
    expect(answer.status, answer.text).toBe(400);
    expect(fieldsOf(answer)).toContain(field);
    expect(reasonOf(answer)).toEqual(expect.any(String));
  });

  it.each([
    ['unknown field', '{"long_url":"https://example.org/","nonsense":1}'],
    ['wrong type', '{"long_url":{"a":1}}'],
    ['not JSON', '{"long_url":'],
  ])('%s is 400 with the error body', async (_, body) => {
    const answer = await call('/api/v1/urls', { token: ada.token, body });
    expect(answer.status, answer.text).toBe(400);
    expect(reasonOf(answer)).toEqual(expect.any(String));
  });

  it.each(['page_size=-1', 'page_token=nonsense', 'order_by=colour', 'nonsense=1'])('?%s is 400', async (query) => {
    const answer = await call(`/api/v1/urls?${query}`, { token: ada.token });
    expect(answer.status, answer.text).toBe(400);
    expect(reasonOf(answer)).toEqual(expect.any(String));
  });
});
