import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { concurrently } from '../support/concurrently.ts';
import { eventually } from '../support/eventually.ts';
import { call, reasonOf } from '../support/http.ts';
import { newLink, newPerson, type Person } from '../support/people.ts';
import { linksOf, long_url, pathOf, urls } from './support/links.ts';
import { expectBad, expectRefusal } from './support/refusals.ts';

let ada: Person;
beforeAll(async () => {
  ada = await newPerson();
});

const { create, get, patch, remove } = linksOf(() => ada);

describe('PATCH /api/v1/urls/{code}', () => {
  it('changes only the fields named', async () => {
    const link = await newLink(ada, { title: 't', tags: ['a'], expires_at: '2099-01-01T00:00:00Z' });
    const changes = [
      { title: 'u' },
      { tags: ['b', 'c'] },
      { long_url: 'https://example.org/2' },
      { original_url: 'https://example.org/3' },
      { redirect_status: 308 },
      { is_active: false },
      { is_active: true },
      { expires_at: '2098-01-01T00:00:00Z' },
      { title: '' },
    ];
    let before = link;
    for (const change of changes) {
      const { original_url, ...rest } = change as Record<string, unknown>;
      const answer = await patch(link.code, change);
      const changed = original_url === undefined ? rest : { long_url: original_url };
      expect([answer.status, answer.json], answer.text).toEqual([
        200,
        { ...before, ...changed, updated_at: expect.any(String), etag: expect.any(String), state: expect.any(String) },
      ]);
      expect(answer.json.etag).not.toBe(before.etag);
      before = answer.json;
    }
    expect((await get(link.code)).json).toEqual(before);
  });

  it('no field at all changes nothing', async () => {
    const link = await newLink(ada);
    const answer = await patch(link.code, {});
    expect([answer.status, answer.json]).toEqual([200, link]);
  });

  it('ttl counts from the edit', async () => {
    const { code } = await newLink(ada);
    const { json } = await patch(code, { ttl: 100 });
    expect(Math.abs(Date.parse(json.expires_at) - Date.now() - 100_000)).toBeLessThan(3_000);
    expectBad(await patch(code, { ttl: 1, expires_at: '2099-01-01T00:00:00Z' }), 'ttl');
    expectBad(await patch(code, { long_url, original_url: long_url }), 'original_url');
    expectBad(await patch(code, { long_url: '' }), 'long_url');
  });

  it('clearing by ?update_mask=expires_at,tags', async () => {
    const link = await newLink(ada, { title: 't', tags: ['a'], expires_at: '2099-01-01T00:00:00Z' });
    const cleared = await patch(link.code, {}, '?update_mask=expires_at,tags');
    expect([cleared.status, cleared.json.tags, cleared.json.expires_at, cleared.json.title], cleared.text).toEqual([
      200,
      [],
      undefined,
      't',
    ]);
    await patch(link.code, { tags: ['a'] });
    const emptied = await patch(link.code, { tags: [], title: 'u' });
    expect([emptied.status, emptied.json.tags, emptied.json.title], emptied.text).toEqual([200, [], 'u']);
    expect((await patch(link.code, { tags: ['a'] })).json.tags).toEqual(['a']);
    const beside = await patch(link.code, '{"tags":[\n]}', '?domain=localhost&updateMask=redirectStatus,tags');
    expect([beside.status, beside.json.tags, beside.json.title], beside.text).toEqual([200, [], 'u']);
    expect((await patch(link.code, { tags: null })).json.tags).toEqual([]);
    const title = await patch(link.code, {}, '?update_mask=title');
    expect(title.json.title).toBe('');
    await patch(link.code, { tags: ['x'], ttl: 100 });
    const camel = await patch(link.code, {}, '?updateMask=expiresAt,tags');
    expect([camel.status, camel.json.tags, camel.json.expires_at], camel.text).toEqual([200, [], undefined]);
    await patch(link.code, { ttl: 100 });
    expect((await patch(link.code, {}, '?update_mask=ttl')).json.expires_at).toBeUndefined();
    const both = await patch(link.code, { tags: ['kept'] }, '?update_mask=tags');
    expect(both.json.tags).toEqual(['kept']);
  });

  it.each([
    'nonsense',
    'id',
    'click_count',
    'etag.x',
    'patch.title',
    '*',
    'tags,nonsense',
    'tags[0]',
    'code',
    '__proto__',
    'constructor',
    'alias',
    'long_url',
    'is_active',
  ])('a path in the mask that cannot be cleared is 400: %s', async (mask) => {
    const link = await newLink(ada, { tags: ['a'] });
    expectRefusal(await patch(link.code, {}, `?update_mask=${encodeURIComponent(mask)}`), 400);
    expect((await get(link.code)).json).toEqual(link);
  });

  it('an answer has the etag as HTTP has it, and If-Match keeps to it', async () => {
    const link = await newLink(ada);
    const answer = await get(link.code);
    expect(answer.headers.get('etag')).toBe(`"${link.etag}"`);
    const path = `/api/v1/urls/${link.code}`;
    const changed = (method: string, ifMatch: string) =>
      call(path, {
        method,
        token: ada.token,
        headers: { 'if-match': ifMatch },
        ...(method === 'PATCH' ? { body: { title: ifMatch } } : {}),
      });
    for (const method of ['PATCH', 'DELETE']) expectRefusal(await changed(method, '"another"'), 409, 'ETAG_STALE');
    expect((await changed('PATCH', `"${link.etag}"`)).status).toBe(200);
    for (const method of ['PATCH', 'DELETE']) expectRefusal(await changed(method, `"${link.etag}"`), 409, 'ETAG_STALE');
    expect((await changed('DELETE', '*')).status).toBe(200);
  });

  it('a stale etag in the body is 409; the last one goes through', async () => {
    const link = await newLink(ada);
    const next = await patch(link.code, { title: '1', etag: link.etag });
    expect(next.status).toBe(200);
    for (const etag of [link.etag, '', 'x', `"${link.etag}"`, '*'])
      expectRefusal(await patch(link.code, { title: '2', etag }), 409, 'ETAG_STALE');
    expect((await patch(link.code, { title: '3', etag: next.json.etag })).status).toBe(200);
    const race = await get(link.code);
    const answers = await concurrently(10, 10, (index) =>
      patch(link.code, { title: `r${index}`, etag: race.json.etag }),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(409)]);
  });

  it.each([
    { code: 'x' },
    { domain: 'localhost' },
    { id: 'x' },
    { created_at: '2099-01-01T00:00:00Z' },
    { patch: { title: 'x' } },
    { click_count: 5 },
    { state: 'expired' },
  ])('a field that is not one to change is 400: %j', async (body) =>
    expectRefusal(await patch((await newLink(ada)).code, body), 400, 'UNKNOWN_FIELD'),
  );

  it('the body cannot name another link than the path', async () => {
    const [one, two] = [await newLink(ada), await newLink(ada)];
    expectRefusal(await patch(one.code, {}, `?code=${two.code}`), 400, 'UNKNOWN_FIELD');
    expectRefusal(await call(`${urls}/${one.code}?code=${two.code}`, { token: ada.token }), 400, 'UNKNOWN_FIELD');
  });

  it('the alias may be changed, to its own as well; a taken one is 409', async () => {
    const [link, other] = [await newLink(ada), await newLink(ada)];
    expect((await patch(link.code, { alias: link.code })).status).toBe(200);
    expectRefusal(await patch(link.code, { alias: other.code }), 409, 'ALIAS_TAKEN');
    const alias = `to-${randomUUID()}`;
    const renamed = await patch(link.code, { alias });
    expect([renamed.status, renamed.json.code, renamed.json.id]).toEqual([200, alias, link.id]);
    expectRefusal(await get(link.code), 404, 'LINK_NOT_FOUND');
  });
});

describe('DELETE and :undelete', () => {
  it('200 {}; soft: the alias stays taken, and undelete restores it', async () => {
    const alias = `gone-${randomUUID()}`;
    const link = await newLink(ada, { alias, title: 't', tags: ['x'] });
    const deleted = await remove(alias);
    expect([deleted.status, deleted.json]).toEqual([200, {}]);
    expectRefusal(await get(alias), 404);
    expectRefusal(await remove(alias), 404);
    expectRefusal(await patch(alias, { title: 'u' }), 404);
    expectRefusal(await create({ long_url, alias }), 409, 'ALIAS_TAKEN');
    const restored = await call(`${pathOf(alias)}:undelete`, { token: ada.token, body: {} });
    expect(restored.status, restored.text).toBe(200);
    expect(restored.json).toMatchObject({ id: link.id, code: alias, title: 't', tags: ['x'], long_url: link.long_url });
    await eventually(
      () => call(`/${alias}`),
      ({ status }) => status === 302,
      { timeoutMs: 10_000 },
    );
    expect((await call(`${pathOf(alias)}:undelete`, { method: 'POST', token: ada.token })).status).toBe(200);
  });

  it('undelete of what never was is 404, and has no GET', async () => {
    expectRefusal(await call(`${urls}/no-such:undelete`, { token: ada.token, body: {} }), 404, 'LINK_NOT_FOUND');
    const got = await call(`${urls}/no-such:undelete`, { token: ada.token });
    expect([404, 405]).toContain(got.status);
    expectRefusal(
      await call(`${urls}/no-such:nothing`, { token: ada.token, body: {} }),
      reasonOf(await call(`${urls}/x:y`, { token: ada.token, body: {} })) === 'NOT_FOUND' ? 404 : 405,
    );
  });
});
