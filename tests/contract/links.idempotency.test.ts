import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { concurrently } from '../support/concurrently.ts';
import { call } from '../support/http.ts';
import { newLink, newPerson, type Person } from '../support/people.ts';
import { linksOf, long_url, urls } from './support/links.ts';
import { expectRefusal } from './support/refusals.ts';

let ada: Person;
beforeAll(async () => {
  ada = await newPerson();
});

const { patch } = linksOf(() => ada);

describe('Idempotency-Key', () => {
  const keyed = (key: string, body: object = { long_url }, person = ada) =>
    call(urls, { token: person.token, body, headers: { 'idempotency-key': key } });

  it('the same key and request answers the first success again, with Idempotency-Replayed: true', async () => {
    const key = randomUUID();
    const first = await keyed(key, { long_url, title: 'one', tags: ['a', 'b'] });
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([201, null]);
    await patch(first.json.code, { title: 'changed since' });
    for (const body of [
      { long_url, title: 'one', tags: ['a', 'b'] },
      { tags: ['b', 'a', 'a'], title: 'one', long_url: 'HTTPS://EXAMPLE.ORG' },
      { original_url: long_url, title: 'one', tags: ['a', 'b'], redirect_status: 302, domain: 'localhost' },
    ]) {
      const again = await keyed(key, body);
      expect([again.status, again.headers.get('idempotency-replayed')], again.text).toEqual([201, 'true']);
      expect(again.json).toEqual(first.json);
    }
    expect(
      (
        await call('/api/urls', {
          token: ada.token,
          body: { original_url: long_url, title: 'one', tags: ['a', 'b'] },
          headers: { 'idempotency-key': key },
        })
      ).json.id,
    ).toBe(first.json.id);
  });

  it('the same key with another request is 409 IDEMPOTENCY_KEY_REUSED', async () => {
    const key = randomUUID();
    expect((await keyed(key, { long_url, ttl: 60 })).status).toBe(201);
    for (const body of [
      { long_url },
      { long_url, ttl: 61 },
      { long_url, ttl: 60, max_clicks: 1 },
      { long_url, title: 'x', ttl: 60 },
      { long_url: `${long_url}x`, ttl: 60 },
    ])
      expectRefusal(await keyed(key, body), 409, 'IDEMPOTENCY_KEY_REUSED');
    const again = await keyed(key, { long_url, ttl: 60 });
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
  });

  it('concurrent twins make one link', async () => {
    const key = randomUUID();
    const title = `twin ${randomUUID()}`;
    const answers = await concurrently(12, 12, () => keyed(key, { long_url, title }));
    for (const { status } of answers) expect([201, 409]).toContain(status);
    const codes = new Set(answers.filter(({ status }) => status === 201).map(({ json }) => json.code));
    expect(codes.size).toBe(1);
    const listed = await call(`${urls}?search=${encodeURIComponent(title)}`, { token: ada.token });
    expect(listed.json.urls.length).toBe(1);
    expect((await keyed(key, { long_url, title })).json.code).toBe([...codes][0]);
  });

  it('a key belongs to its workspace', async () => {
    const eve = await newPerson();
    const key = randomUUID();
    const [hers, mine] = [await keyed(key, { long_url }, eve), await keyed(key)];
    expect([hers.status, mine.status, mine.headers.get('idempotency-replayed')]).toEqual([201, 201, null]);
    expect(mine.json.id).not.toBe(hers.json.id);
  });

  it('a first attempt that failed holds nothing', async () => {
    const key = randomUUID();
    expectRefusal(await keyed(key, { long_url: 'nonsense' }), 400);
    expectRefusal(await keyed(key, { long_url, ttl: 0 }), 400);
    const taken = (await newLink(ada, { alias: `taken-${randomUUID()}` })).code;
    expectRefusal(await keyed(key, { long_url, alias: taken }), 409, 'ALIAS_TAKEN');
    const made = await keyed(key, { long_url });
    expect([made.status, made.headers.get('idempotency-replayed')]).toEqual([201, null]);
  });

  it('up to 255 printable characters', async () => {
    for (const key of [`${randomUUID()}`.padEnd(255, 'x'), `${randomUUID()} !"#$%&'()*+,-./:;<=>?@[]^_{|}~`]) {
      const [first, second] = [await keyed(key), await keyed(key)];
      expect([first.status, second.status, second.json.id]).toEqual([201, 201, first.json.id]);
    }
    for (const key of ['', 'x'.repeat(256), 'a\tb', 'caf\xe9', 'x'.repeat(10_000)])
      expectRefusal(await keyed(key), 400, 'IDEMPOTENCY_KEY_INVALID');
  });

  it('keys that differ by case or by a character are two', async () => {
    const key = randomUUID();
    const made = await Promise.all([keyed(`k${key}`), keyed(`K${key}`), keyed(`k${key}x`)]);
    expect(new Set(made.map(({ json }) => json.id)).size).toBe(3);
  });
});
