import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { otherDomain } from '../support/domains.ts';
import { call } from '../support/http.ts';
import { newKey, newLink, newPerson, type Person } from '../support/people.ts';
import { httpRequest, openConnection } from './support/connection.ts';
import { linksOf, pathOf, urls } from './support/links.ts';
import { expectRefusal } from './support/refusals.ts';

let ada: Person;
beforeAll(async () => {
  ada = await newPerson();
});

const { get, patch } = linksOf(() => ada);

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
    const key = await newKey(ada, ['stats:read']);
    for (const token of [ada.token, key.secret]) {
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
