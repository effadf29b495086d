import { beforeAll, describe, expect, it } from 'vitest';
import { concurrently } from '../support/concurrently.ts';
import { eventually } from '../support/eventually.ts';
import { call, fieldsOf, reasonOf } from '../support/http.ts';
import { newLink, newPerson, type Person } from '../support/people.ts';
import { linksOf, long_url, urls } from './support/links.ts';

let ada: Person;
beforeAll(async () => {
  ada = await newPerson();
});

const { patch } = linksOf(() => ada);
const follow = (code: string, method = 'GET', headers = {}) => call(`/${code}`, { method, headers });
const read = async (code: string) => (await call(`${urls}/${code}`, { token: ada.token })).json;
const statusOf = async (code: string) => (await follow(code)).status;

describe('max_clicks', () => {
  it('lets a link be followed so often, and is shown with what is used', async () => {
    const link = await newLink(ada, { max_clicks: 3, redirect_status: 301 });
    expect(link).toMatchObject({ max_clicks: 3, used_clicks: 0, state: 'active' });
    for (const times of [1, 2, 3]) {
      const answer = await follow(link.code);
      expect([answer.status, answer.headers.get('location')]).toEqual([301, link.long_url]);
      // A browser that kept it would follow it without asking.
      expect(answer.headers.get('cache-control')).toBe('private, no-store');
      expect((await read(link.code)).used_clicks).toBe(times);
    }
    const refused = await follow(link.code, 'GET', { accept: 'application/json' });
    expect([refused.status, reasonOf(refused)]).toEqual([410, 'LINK_USED_UP']);
    expect(await read(link.code)).toMatchObject({ used_clicks: 3, state: 'used_up', is_active: true });
  });

  it('is taken by GET alone: not by HEAD, the preview or what shows links in a chat', async () => {
    const { code, long_url: leads } = await newLink(ada, { max_clicks: 1 });
    const slack = { 'user-agent': 'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)' };
    for (let times = 0; times < 3; times++) {
      const head = await follow(code, 'HEAD');
      expect([head.status, head.headers.get('location'), head.text]).toEqual([302, leads, '']);
      expect((await follow(`${code}+`)).status).toBe(200);
      for (const method of ['GET', 'HEAD']) {
        const shown = await follow(code, method, slack);
        expect([shown.status, shown.headers.get('location')]).toEqual([200, null]);
      }
    }
    expect(await statusOf(code)).toBe(302);
    expect(await statusOf(code)).toBe(410);
    await eventually(
      () => follow(code, 'HEAD'),
      ({ status }) => status === 410,
    );
    expect((await follow(`${code}+`)).status).toBe(410);
  });

  it('can be raised, lowered and cleared; what is used stays used', async () => {
    const { code } = await newLink(ada, { max_clicks: 1 });
    expect([await statusOf(code), await statusOf(code)]).toEqual([302, 410]);
    expect((await patch(code, { max_clicks: 2 })).json).toMatchObject({ state: 'active', used_clicks: 1 });
    await eventually(
      () => follow(code, 'HEAD'),
      ({ status }) => status === 302,
    );
    expect([await statusOf(code), await statusOf(code)]).toEqual([302, 410]);
    const clear = `${urls}/${code}?update_mask=max_clicks`;
    const cleared = (await call(clear, { method: 'PATCH', token: ada.token, body: {} })).json;
    expect(cleared.state).toBe('active');
    expect([cleared.max_clicks, cleared.used_clicks]).toEqual([undefined, undefined]);
    const first = await eventually(
      () => statusOf(code),
      (status) => status === 302,
    );
    expect(first.answer).toBe(302);
    expect((await patch(code, { max_clicks: 2 })).json).toMatchObject({ state: 'used_up', used_clicks: 2 });
  });

  it('comes last of the reasons why a link is gone, and stays over deletion and return', async () => {
    const { code } = await newLink(ada, { max_clicks: 1 });
    await statusOf(code);
    const reason = async () => reasonOf(await follow(code, 'GET', { accept: 'application/json' }));
    const becomes = (wanted: string) => eventually(reason, (told) => told === wanted);
    await becomes('LINK_USED_UP');
    await patch(code, { is_active: false });
    await becomes('LINK_DISABLED');
    expect((await read(code)).state).toBe('disabled');
    await call(`${urls}/${code}`, { method: 'DELETE', token: ada.token });
    await becomes('LINK_DELETED');
    await call(`${urls}/${code}:undelete`, { method: 'POST', token: ada.token, body: {} });
    await patch(code, { is_active: true });
    await becomes('LINK_USED_UP');
  });

  it.each([0, -1, 1_000_001, 1.5, 'many', 2 ** 31])('%j is 400 and names the field', async (max_clicks) => {
    const made = await call(urls, { token: ada.token, body: { long_url, max_clicks } });
    expect(made.status, made.text).toBe(400);
    const { code } = await newLink(ada);
    const changed = await patch(code, { max_clicks });
    expect(changed.status, changed.text).toBe(400);
    if (Number.isInteger(max_clicks) && Number(max_clicks) < 2 ** 31)
      expect([fieldsOf(made), fieldsOf(changed)]).toEqual([['max_clicks'], ['max_clicks']]);
  });

  it('holds for many at once: exactly as many redirects as it says', async () => {
    const { code } = await newLink(ada, { max_clicks: 40 });
    const answers = await concurrently(120, 24, () => statusOf(code));
    expect(answers.filter((status) => status === 302)).toHaveLength(40);
    expect(answers.filter((status) => status === 410)).toHaveLength(80);
  });
});
