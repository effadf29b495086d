import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { concurrently } from '../support/concurrently.ts';
import { eventually } from '../support/eventually.ts';
import { call } from '../support/http.ts';
import { newLink, newPerson, type Person } from '../support/people.ts';
import { pathOf, urls } from './support/links.ts';
import { expectBad, expectRefusal } from './support/refusals.ts';

let ada: Person;
beforeAll(async () => {
  ada = await newPerson();
});

describe('GET /api/v1/urls and GET /api/v1/users/{uid}/urls: keyset pages', () => {
  let grace: Person;
  const titles: string[] = [];
  beforeAll(async () => {
    grace = await newPerson();
    for (let index = 0; index < 60; index++) titles.push(`No-T${index}`);
    await concurrently(60, 6, (index) =>
      newLink(grace, {
        title: titles[index],
        tags: index % 2 === 0 ? ['even', 'Ünï'] : ['odd'],
        ...(index % 10 === 0 ? { long_url: `https://example.org/100%25_done\\${index}` } : {}),
      }),
    );
  });
  const list = (query = '', token = grace.token) => call(`${urls}${query}`, { token });
  const walk = async (query: string) => {
    const seen: { code: string; title: string; created_at: string; updated_at: string }[] = [];
    let token = '';
    do {
      const page = await list(`?${query}&page_token=${encodeURIComponent(token)}`);
      expect(page.status, page.text).toBe(200);
      seen.push(...page.json.urls);
      token = page.json.next_page_token;
    } while (token !== '');
    return seen;
  };

  it('50 by default, at most 1,000; more is 1,000; negative is 400', async () => {
    const first = await list();
    expect([first.json.urls.length, typeof first.json.next_page_token]).toEqual([50, 'string']);
    expect((await list('?page_size=0')).json.urls.length).toBe(50);
    for (const size of [1_000, 1_001, 2_147_483_647])
      expect((await list(`?page_size=${size}`)).json.urls.length).toBe(60);
    expect((await list('?page_size=1000')).json.next_page_token).toBe('');
    for (const size of ['-1', '-2147483648']) expectBad(await list(`?page_size=${size}`), 'page_size');
    for (const size of ['2147483648', 'ten', '1.5', '', '1e3x']) expectRefusal(await list(`?page_size=${size}`), 400);
  });

  it.each([
    'page_size=7',
    'page_size=1&tag=even',
    'page_size=13&order_by=created_at%20asc',
    'page_size=9&order_by=updated_at%20desc',
    'page_size=9&order_by=updated_at',
  ])('no gap and no repeat, in order: %s', async (query) => {
    const seen = await walk(query);
    expect(new Set(seen.map(({ code }) => code)).size).toBe(seen.length);
    expect(seen.length).toBe(query.includes('tag') ? 30 : 60);
    const key = query.includes('updated_at') ? 'updated_at' : 'created_at';
    const times = seen.map((link) => Date.parse(link[key]));
    expect(times).toEqual([...times].sort((a, b) => (query.includes('asc') ? a - b : b - a)));
  });

  it('links made or deleted between two pages move nothing', async () => {
    const heidi = await newPerson();
    const made = await concurrently(10, 1, () => newLink(heidi));
    const first = await list('?page_size=5', heidi.token);
    await newLink(heidi);
    await call(`${urls}/${made[9]?.code}`, { method: 'DELETE', token: heidi.token });
    const second = await list(`?page_size=5&page_token=${first.json.next_page_token}`, heidi.token);
    const codes = [...first.json.urls, ...second.json.urls].map(({ code }: { code: string }) => code);
    expect(codes).toEqual(made.map(({ code }) => code).reverse());
  });

  it('a bad token is 400: of another query, of another workspace, damaged, made up', async () => {
    const token: string = (await list('?page_size=5')).json.next_page_token;
    for (const query of [
      'tag=even',
      'search=T1',
      'state=active',
      'order_by=updated_at',
      'order_by=created_at%20asc',
      'domain=localhost',
    ])
      expectRefusal(await list(`?${query}&page_token=${token}`), 400, 'PAGE_TOKEN_INVALID');
    expectRefusal(await list(`?page_token=${token}`, ada.token), 400, 'PAGE_TOKEN_INVALID');
    expectRefusal(
      await call(`/api/v1/users/me/urls?page_token=${token}`, { token: grace.token }),
      400,
      'PAGE_TOKEN_INVALID',
    );
    const swapped = (token[0] === 'A' ? 'B' : 'A') + token.slice(1);
    // Base64 of this length has spare bits in its last character, which most decoders do not look at.
    const [last, others] = [token.slice(-1), ['A', 'B', 'Q', 'w', '_']];
    for (const other of others.filter((letter) => letter !== last))
      expectRefusal(await list(`?page_token=${token.slice(0, -1)}${other}`), 400, 'PAGE_TOKEN_INVALID');
    for (const more of ['=', '==', '%20', '%0A'])
      expectRefusal(await list(`?page_token=${token}${more}`), 400, 'PAGE_TOKEN_INVALID');
    for (const bad of [
      'x',
      swapped,
      token.slice(1),
      `${token}${token}`,
      'A'.repeat(5_000),
      '%00',
      '0',
      Buffer.from('{"at":0}').toString('base64url'),
    ])
      expectRefusal(await list(`?page_token=${bad}`), 400);
    expect((await list(`?page_size=20&page_token=${token}`)).status).toBe(200);
  });

  it.each([
    'colour',
    'created_at;drop table links',
    'created_at descending',
    'title',
    'CREATED_AT',
    'created_at desc, id',
    ' ',
    'created_at  asc',
  ])('order_by that is none is 400: %s', async (order) =>
    expectBad(await list(`?order_by=${encodeURIComponent(order)}`), 'order_by'),
  );

  it('a parameter without a value is as one that is not there', async () => {
    const all = await list('?page_size=20');
    for (const empty of [
      'tag=',
      'search=',
      'state=',
      'order_by=',
      'domain=',
      'page_token=',
      'tag=&search=&state=&domain=',
    ]) {
      const answer = await list(`?page_size=20&${empty}`);
      expect([empty, answer.status, answer.json], answer.text).toEqual([empty, 200, all.json]);
    }
  });

  it('search is by part of title, code or destination, without case; %, _ and \\ are themselves', async () => {
    const count = async (search: string) =>
      (await list(`?page_size=1000&search=${encodeURIComponent(search)}`)).json.urls.length;
    // The hyphen is in no generated code, so chance has no part in these counts.
    expect(await count('o-t1')).toBe(11);
    expect(await count('O-T59')).toBe(1);
    expect(await count('EXAMPLE.ORG/100%25_DONE')).toBe(6);
    expect(await count('100%')).toBe(6);
    expect(await count('0%_')).toBe(0);
    expect(await count('%25_d')).toBe(6);
    expect(await count('%')).toBe(6);
    expect(await count('_')).toBe(6);
    expect(await count('\\')).toBe(0);
    expect(await count("' or 1=1 --")).toBe(0);
    expect(await count('')).toBe(60);
    const { code } = (await list('?page_size=1')).json.urls[0];
    expect(await count(code.slice(1, 6).toLowerCase())).toBeGreaterThanOrEqual(1);
    expectBad(await list(`?search=${'x'.repeat(257)}`), 'search');
    expectRefusal(await list('?search=%00'), 400);
  });

  it('search finds accented and composed text whichever way it is written', async () => {
    const link = await newLink(grace, {
      title: 'Été 2099',
      alias: `Größe-${randomUUID()}`,
      long_url: 'https://münchen.example/Straße',
    });
    for (const text of ['été', 'ÉTÉ', 'été'.normalize('NFD'), 'GRÖ', 'münchen.example/STRAßE']) {
      const found = await list(`?search=${encodeURIComponent(text)}`);
      expect(
        found.json.urls.map(({ code }: { code: string }) => code),
        text,
      ).toContain(link.code);
    }
    await call(pathOf(link.code), { method: 'DELETE', token: grace.token });
  });

  it('tag is one whole tag, as it is written', async () => {
    const count = async (tag: string) =>
      (await list(`?page_size=1000&tag=${encodeURIComponent(tag)}`)).json.urls.length;
    expect([
      await count('even'),
      await count('odd'),
      await count('EVEN'),
      await count('eve'),
      await count('Ünï'),
    ]).toEqual([30, 30, 0, 0, 30]);
  });

  it('state', async () => {
    const heidi = await newPerson();
    const [active, usedUp, disabled, expired, deleted] = await Promise.all([
      newLink(heidi),
      newLink(heidi, { max_clicks: 1 }),
      newLink(heidi),
      newLink(heidi, { ttl: 1 }),
      newLink(heidi),
    ]);
    await call(pathOf(disabled.code), { method: 'PATCH', token: heidi.token, body: { is_active: false } });
    await call(pathOf(deleted.code), { method: 'DELETE', token: heidi.token });
    await call(`/${usedUp.code}`);
    await eventually(
      () => list('?state=expired', heidi.token),
      ({ json }) => json.urls.length === 1,
    );
    const codes = async (state: string) => {
      const { json } = await list(state === '' ? '' : `?state=${state}`, heidi.token);
      return json.urls.map((link: { code: string; state: string }) => [link.code, link.state]);
    };
    expect(await codes('active')).toEqual([[active.code, 'active']]);
    expect(await codes('disabled')).toEqual([[disabled.code, 'disabled']]);
    expect(await codes('expired')).toEqual([[expired.code, 'expired']]);
    expect(await codes('used_up')).toEqual([[usedUp.code, 'used_up']]);
    expect(await codes('deleted')).toEqual([[deleted.code, 'deleted']]);
    expect((await codes('')).length).toBe(4);
    for (const state of ['ACTIVE', 'nonsense', '1']) expectBad(await list(`?state=${state}`, heidi.token), 'state');
  });

  it('users/{uid}/urls: me and one’s own id work, another’s is 404', async () => {
    const of = (uid: string) => call(`/api/v1/users/${uid}/urls?page_size=100`, { token: grace.token });
    for (const uid of ['me', grace.userId]) {
      const { status, json } = await of(uid);
      expect([uid, status, json.urls.length]).toEqual([uid, 200, 60]);
    }
    for (const uid of [ada.userId, randomUUID(), 'nobody', '%27', 'ME', '0'])
      expectRefusal(await of(uid), 404, 'USER_NOT_FOUND');
  });

  it('pages are cut by bytes, and go on', async () => {
    const heidi = await newPerson();
    await concurrently(150, 8, (index) =>
      newLink(heidi, { long_url: `https://example.org/${index}/${'x'.repeat(8_000)}` }),
    );
    const first = await list('?page_size=1000', heidi.token);
    expect(first.status).toBe(200);
    expect(first.json.urls.length).toBeGreaterThan(10);
    expect(first.text.length).toBeLessThan(4_000_000);
    let [count, token] = [first.json.urls.length, first.json.next_page_token];
    while (token !== '') {
      const next = await list(`?page_size=1000&page_token=${token}`, heidi.token);
      [count, token] = [count + next.json.urls.length, next.json.next_page_token];
    }
    expect(count).toBe(150);
  });
});
