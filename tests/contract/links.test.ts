import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { concurrently } from '../support/concurrently.ts';
import { otherDomain } from '../support/domains.ts';
import { eventually } from '../support/eventually.ts';
import { call, reasonOf } from '../support/http.ts';
import { newLink, newPerson, type Person } from '../support/people.ts';
import { httpRequest, openConnection } from './support/connection.ts';
import { linksOf, long_url, pathOf, urls } from './support/links.ts';
import { expectBad, expectRefusal } from './support/refusals.ts';

let ada: Person;
beforeAll(async () => {
  ada = await newPerson();
});

const { create, get, patch, remove } = linksOf(() => ada);

describe('POST /api/v1/urls', () => {
  it('201 with the link, whole', async () => {
    const alias = `whole-${randomUUID()}`;
    const made = await create({
      long_url,
      alias,
      title: 'Tést',
      tags: ['b', 'a', 'b'],
      ttl: 3_600,
      redirect_status: 307,
      domain: 'localhost',
    });
    expect(made.status, made.text).toBe(201);
    expect(made.json).toMatchObject({
      code: alias,
      domain: 'localhost',
      long_url,
      title: 'Tést',
      tags: ['a', 'b'],
      redirect_status: 307,
      is_active: true,
      click_count: 0,
    });
    expect(made.json.short_url).toMatch(new RegExp(`^http://localhost:\\d+/${alias}$`));
    const ends = Date.parse(made.json.expires_at) - Date.parse(made.json.created_at);
    expect(Math.abs(ends - 3_600_000)).toBeLessThan(2_000);
    expect((await get(alias)).json).toEqual(made.json);
    const place = made.headers.get('location') ?? '';
    expect((await call(place, { token: ada.token })).json).toEqual(made.json);
    expect((await call(new URL(made.json.short_url).pathname)).status).toBe(307);
  });

  it('POST /api/urls {original_url} is the same call', async () => {
    for (const path of [urls, '/api/urls']) {
      for (const body of [{ long_url }, { original_url: long_url }]) {
        const made = await call(path, { token: ada.token, body });
        expect([made.status, made.json.long_url]).toEqual([201, long_url]);
      }
      const both = await call(path, { token: ada.token, body: { long_url, original_url: long_url } });
      expectRefusal(both, 400);
      expectBad(await call(path, { token: ada.token, body: {} }), 'long_url');
    }
  });

  it.each([
    [{ ttl: 0 }, 'ttl'],
    [{ ttl: -1 }, 'ttl'],
    [{ ttl: -2_147_483_648 }, 'ttl'],
    [{ ttl: 60, expires_at: '2099-01-01T00:00:00Z' }, 'ttl'],
    [{ expires_at: '2001-01-01T00:00:00Z' }, 'expires_at'],
    [{ expires_at: '0001-01-01T00:00:00Z' }, 'expires_at'],
    [{ redirect_status: 200 }, 'redirect_status'],
    [{ redirect_status: 303 }, 'redirect_status'],
    [{ redirect_status: 0 }, 'redirect_status'],
    [{ domain: 'example.org' }, 'domain'],
    [{ domain: 'localhost:1' }, 'domain'],
    [{ domain: 'localhost/x' }, 'domain'],
    [{ title: 'x'.repeat(257) }, 'title'],
    [{ title: 'a\u0000b' }, 'title'],
    [{ tags: Array.from({ length: 33 }, (_, index) => `t${index}`) }, 'tags'],
    [{ tags: ['x'.repeat(65)] }, 'tags[0]'],
    [{ tags: [''] }, 'tags[0]'],
    [{ tags: ['a\nb'] }, 'tags'],
    [{ tags: ['a', ' '] }, 'tags'],
    [{ tags: ['\u00a0\u200b'] }, 'tags'],
  ])('400 names the field: %j', async (fields, field) => {
    expectBad(await create({ long_url, ...fields }), field);
    if (!('domain' in fields)) expectBad(await patch((await newLink(ada)).code, fields), field);
  });

  it.each<[object, string]>([
    [{ ttl: 2_147_483_648 }, 'beyond int32'],
    [{ ttl: 1.5 }, 'a fraction'],
    [{ ttl: 1e100 }, 'a googol'],
    [{ ttl: '' }, 'empty text'],
    [{ ttl: '1 day' }, 'words'],
    [{ ttl: true }, 'a bool'],
    [{ ttl: [1] }, 'a list'],
    [{ expires_at: 'tomorrow' }, 'no time'],
    [{ expires_at: '2099-02-30T00:00:00Z' }, 'no day'],
    [{ expires_at: '2099-01-01' }, 'a date'],
    [{ expires_at: '2099-01-01T00:00:00' }, 'no zone'],
    [{ expires_at: 4_070_908_800 }, 'a number'],
    [{ expires_at: '99999-01-01T00:00:00Z' }, 'too late a year'],
    [{ long_url: 1 }, 'a number for text'],
    [{ long_url: [long_url] }, 'a list for text'],
    [{ tags: 'a' }, 'text for a list'],
    [{ tags: [1] }, 'numbers for texts'],
    [{ tags: [['a']] }, 'lists in lists'],
    [{ tags: { a: 1 } }, 'an object for a list'],
    [{ redirect_status: '302x' }, 'nonsense for a number'],
    [{ id: 'mine' }, 'id is not to choose'],
    [{ click_count: 1 }, 'click_count is not to choose'],
    [{ etag: 'x' }, 'etag is not asked for'],
    [{ LONG_URL: long_url }, 'names have a case'],
  ])('400 for a value that is none: %j (%s)', async (fields) => {
    expectRefusal(await create({ long_url, ...fields }), 400);
  });

  it('ttl takes all of int32: the last second of it is decades away', async () => {
    const link = await newLink(ada, { ttl: 2_147_483_647 });
    expect(Date.parse(link.expires_at) - Date.now()).toBeGreaterThan(2_147_483_000_000);
    expect((await call(`/${link.code}`)).status).toBe(302);
  });

  it('camelCase names are proto JSON’s, and both names at once are not', async () => {
    const made = await create({ longUrl: long_url, redirectStatus: 308 });
    expect([made.status, made.json.redirect_status]).toEqual([201, 308]);
  });

  it('20 writers for one alias: one 201, nineteen 409; over edits as well', async () => {
    const alias = `race-${randomUUID()}`;
    const answers = await concurrently(20, 20, () => create({ long_url, alias }));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(19).fill(409)]);
    for (const answer of answers.filter(({ status }) => status === 409)) expectRefusal(answer, 409, 'ALIAS_TAKEN');
    const codes = await Promise.all(Array.from({ length: 8 }, async () => (await newLink(ada)).code as string));
    const wanted = `rename-${randomUUID()}`;
    const renamed = await concurrently(8, 8, (index) => patch(codes[index] ?? '', { alias: wanted }));
    expect(renamed.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(409)]);
  });

  it('an alias of another workspace is taken, too, and says nothing of whose it is', async () => {
    const eve = await newPerson();
    const { code } = await newLink(eve, { alias: `hers-${randomUUID()}`, title: 'secret' });
    const taken = await create({ long_url, alias: code });
    expectRefusal(taken, 409, 'ALIAS_TAKEN');
    expect(taken.text).not.toMatch(new RegExp(`secret|${eve.workspaceId}|${eve.userId}`));
  });
});

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

describe('?domain= picks the domain everywhere; the default domain when absent', () => {
  it('the default domain by its name, in any case', async () => {
    const link = await newLink(ada, { domain: 'LocalHost' });
    expect(link.domain).toBe('localhost');
    for (const query of ['', '?domain=localhost', '?domain=LOCALHOST', '?domain='])
      expect([query, (await call(pathOf(link.code) + query, { token: ada.token })).json.id]).toEqual([query, link.id]);
    expect((await patch(link.code, { title: 'x' }, '?domain=localhost')).status).toBe(200);
    expect((await call(`${pathOf(link.code)}/stats?domain=localhost`, { token: ada.token })).status).toBe(200);
    expect((await call(`${urls}?domain=localhost&page_size=1`, { token: ada.token })).json.urls.length).toBe(1);
    expect((await call(`${pathOf(link.code)}?domain=localhost`, { method: 'DELETE', token: ada.token })).status).toBe(
      200,
    );
    const restored = await call(`${pathOf(link.code)}:undelete`, { token: ada.token, body: { domain: 'localhost' } });
    expect(restored.status, restored.text).toBe(200);
  });

  it('GET /api/v1/domains lists them, the default first, for whoever has credentials', async () => {
    const key = await call('/api/v1/api-keys', { token: ada.token, body: { name: 'stats', scopes: ['stats:read'] } });
    for (const token of [ada.token, key.json.secret]) {
      const listed = await call('/api/v1/domains', { token });
      expect([listed.status, listed.json]).toEqual([
        200,
        {
          domains: [
            { name: 'localhost', is_default: true, short_url_base: `${inject('meshUrl')}/` },
            {
              name: otherDomain,
              is_default: false,
              short_url_base: `${inject('meshUrl').replace('localhost', otherDomain)}/`,
            },
          ],
        },
      ]);
    }
    expectRefusal(await call('/api/v1/domains'), 401, 'CREDENTIALS_MISSING');
  });

  it('a link of another domain is another link, and is found there alone', async () => {
    const alias = `twin-${randomUUID()}`;
    const twins = [await newLink(ada, { alias }), await newLink(ada, { alias, domain: otherDomain })];
    expect(twins.map(({ domain }) => domain)).toEqual(['localhost', otherDomain]);
    const there = `?domain=${otherDomain}`;
    for (const [index, query] of ['', there].entries())
      expect((await call(pathOf(alias) + query, { token: ada.token })).json.id).toBe(twins[index].id);
    expect((await patch(alias, { title: 'there' }, there)).json).toMatchObject({ id: twins[1].id, title: 'there' });
    expect((await call(`${pathOf(alias)}/stats${there}`, { token: ada.token })).status).toBe(200);
    const connection = await openConnection();
    connection.send(httpRequest('GET', `/${alias}`, { host: otherDomain }));
    expect((await connection.answer())?.headers.get('location')).toBe(twins[1].long_url);
    connection.close();
    expect((await call(pathOf(alias) + there, { method: 'DELETE', token: ada.token })).status).toBe(200);
    expect((await get(alias)).json.id).toBe(twins[0].id);
  });

  it('one that is not ours is 400, and names the field', async () => {
    const { code } = await newLink(ada);
    for (const domain of [
      'example.org',
      '127.0.0.1',
      'localhost:80',
      'localhost.evil.example',
      'lo%00calhost',
      "'",
      '..',
    ]) {
      for (const method of ['GET', 'DELETE']) {
        const answer = await call(`${pathOf(code)}?domain=${encodeURIComponent(decodeURIComponent(domain))}`, {
          method,
          token: ada.token,
        });
        expectRefusal(answer, 400);
      }
      expectRefusal(await call(`${urls}?domain=${domain}`, { token: ada.token }), 400);
    }
    expect((await get(code)).status).toBe(200);
  });
});
