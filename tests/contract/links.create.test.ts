import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { concurrently } from '../support/concurrently.ts';
import { call } from '../support/http.ts';
import { newLink, newPerson, type Person } from '../support/people.ts';
import { linksOf, long_url, urls } from './support/links.ts';
import { expectBad, expectRefusal } from './support/refusals.ts';

let ada: Person;
beforeAll(async () => {
  ada = await newPerson();
});

const { create, get, patch } = linksOf(() => ada);

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
      const bad = async (body: object, field: string) => expectBad(await call(path, { token: ada.token, body }), field);
      await bad({}, 'long_url');
      await bad({ long_url: '' }, 'long_url');
      await bad({ original_url: '' }, 'original_url');
      await bad({ long_url, original_url: '' }, 'original_url');
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
