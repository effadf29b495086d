import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { concurrently } from '../support/concurrently.ts';
import { eventually } from '../support/eventually.ts';
import { call } from '../support/http.ts';
import { newLink, newPerson, type Person } from '../support/people.ts';
import { httpRequest, openConnection } from './support/connection.ts';
import { edited, followed, html, json } from './support/links.ts';
import { expectRefusal, innerHeadersOf } from './support/refusals.ts';

let ada: Person;
beforeAll(async () => {
  ada = await newPerson();
});

describe('GET /{code} and GET /r/{code}', () => {
  it.each([
    [302, 'private, no-store'],
    [307, 'private, no-store'],
    [301, 'private, max-age=30'],
    [308, 'private, max-age=30'],
  ])('%i with Cache-Control: %s, and nothing that is the mesh’s own', async (redirect_status, cacheControl) => {
    const link = await newLink(ada, { redirect_status });
    for (const path of [`/${link.code}`, `/r/${link.code}`]) {
      // The first answer comes from a store, the later ones from memory: they have to be the same.
      const seen = [];
      for (let time = 0; time < 4; time++) {
        const answer = await call(path);
        expect([answer.status, answer.headers.get('location')]).toEqual([redirect_status, link.long_url]);
        expect(answer.headers.get('cache-control')).toBe(cacheControl);
        expect(innerHeadersOf(answer.headers)).toEqual([]);
        expect(answer.headers.get('set-cookie')).toBeNull();
        seen.push(
          [...answer.headers.keys()]
            .filter((name) => name !== 'date')
            .sort()
            .join(),
        );
      }
      expect(new Set(seen).size).toBe(1);
    }
  });

  it('302 unless set', async () => {
    expect((await newLink(ada)).redirect_status).toBe(302);
  });

  it('no credentials: a good one, a bad one and none are answered alike', async () => {
    const link = await newLink(ada);
    for (const authorization of [`Bearer ${ada.token}`, 'Bearer nonsense', 'Basic YTpi', '']) {
      const answer = await call(`/${link.code}`, { headers: { authorization, cookie: 'a=b' } });
      expect([answer.status, answer.headers.get('location')]).toEqual([302, link.long_url]);
    }
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'BREW'])(
    'any other method: %s is 405 with Allow: GET, HEAD',
    async (method) => {
      const { code } = await newLink(ada);
      const connection = await openConnection();
      for (const path of [`/${code}`, `/r/${code}`, '/no-such-code']) {
        connection.send(httpRequest(method, path, json));
        const answer = await connection.answer();
        if (method === 'BREW' && answer?.status === 400) break; // A method that HTTP does not know is no request.
        expect([answer?.status, answer?.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
        const text = answer?.body ?? '';
        const body = JSON.parse(text);
        expectRefusal(
          { status: 405, headers: new Headers([...(answer?.headers ?? [])]), text, json: body },
          405,
          'METHOD_NOT_ALLOWED',
        );
      }
      connection.close();
    },
  );
});

describe('A query string does not keep a link from being followed, whatever its parameters are called', () => {
  it.each(
    [
      'code=x',
      'code=',
      'c%6fde=x',
      'Code=x',
      'code.x=y',
      'code[]=x',
      'codes=1&code=y&code=z',
      'fbclid=1&utm_source=a%20b',
      'path=%2F&data=1&content_type=x',
      '%ff=%fe',
      '%=%',
      '%00',
      '&&&===',
      '=',
      '?',
      'a=b?c=d',
      'x'.repeat(8_000),
      Array.from({ length: 500 }, (_, index) => `p${index}=1`).join('&'),
      '%C3%A9=%C3%BC',
      "'%20or%201=1--",
      '<script>',
      '{"a":1}',
      'grpc-timeout=1n&$alt=proto&alt=media&key=x&access_token=y&prettyPrint=true',
    ].map((query) => [query.slice(0, 40), query] as const),
  )('?%s', async (_, query) => {
    const link = await newLink(ada);
    const connection = await openConnection();
    for (const prefix of ['/', '/r/']) {
      for (const method of ['GET', 'HEAD']) {
        connection.send(httpRequest(method, `${prefix}${link.code}?${query}`));
        const answer = await connection.answer(method === 'HEAD');
        expect([answer?.status, answer?.headers.get('location')]).toEqual([302, link.long_url]);
      }
    }
    connection.close();
  });
});

it('HEAD answers as GET, without a body', async () => {
  const active = await newLink(ada);
  const disabled = await newLink(ada);
  await edited(ada, disabled.code, { is_active: false });
  await eventually(
    () => followed(disabled.code),
    ([status]) => status === 410,
    { everyMs: 5 },
  );
  for (const headers of [json, html, {}]) {
    for (const path of [
      `/${active.code}`,
      `/r/${active.code}`,
      `/${disabled.code}`,
      '/no-such-code',
      '/',
      '/a/b',
      '/robots.txt',
      `/${active.code}+`,
    ]) {
      const [get, head] = [await call(path, { headers }), await call(path, { method: 'HEAD', headers })];
      expect([path, head.status, head.text]).toEqual([path, get.status, '']);
      for (const name of [
        'location',
        'cache-control',
        'content-type',
        'vary',
        'content-security-policy',
        'x-content-type-options',
      ])
        expect([path, name, head.headers.get(name)]).toEqual([path, name, get.headers.get(name)]);
    }
  }
});

it('Followable as soon as the 201 is out, on every resolver', async () => {
  const answers = await concurrently(200, 8, async (index) => {
    // Generated, chosen, and chosen to look like a generated one.
    const chosen = [undefined, `now-${randomUUID()}`, randomUUID().slice(0, 7)][index % 3];
    const link = await newLink(ada, chosen === undefined ? {} : { alias: chosen });
    const seen = await Promise.all([1, 2, 3, 4].map(() => followed(link.code)));
    return seen.every(([status, location]) => status === 302 && location === link.long_url);
  });
  expect(answers.filter((good) => !good)).toEqual([]);
});

it('an edit, a switch or a delete is seen within 250 ms', async () => {
  const { code } = await newLink(ada);
  await concurrently(16, 4, () => followed(code));
  const until = async (accept: (seen: (number | string | null)[]) => boolean) => {
    const { tookMs } = await eventually(
      () => Promise.all([1, 2, 3, 4].map(() => followed(code))),
      (all) => all.every(accept),
      { timeoutMs: 10_000, everyMs: 5 },
    );
    return tookMs;
  };
  const took: number[] = [];
  for (let round = 0; round < 8; round++) {
    const { long_url } = await edited(ada, code, { long_url: `https://example.org/round/${round}` });
    took.push(await until(([, location]) => location === long_url));
    await edited(ada, code, { is_active: false });
    took.push(await until(([status]) => status === 410));
    await edited(ada, code, { is_active: true });
    took.push(await until(([status]) => status === 302));
  }
  expect((await call(`/api/v1/urls/${code}`, { method: 'DELETE', token: ada.token })).status).toBe(200);
  took.push(await until(([status]) => status === 410));
  expect((await call(`/api/v1/urls/${code}:undelete`, { token: ada.token, body: {} })).status).toBe(200);
  took.push(await until(([status]) => status === 302));
  // The machine that tests run on is shared; the median shows what the mesh does.
  expect(took.sort((a, b) => a - b)[took.length >> 1], String(took)).toBeLessThan(250);
});

it('a renamed link leads by its new code alone', async () => {
  const link = await newLink(ada);
  const alias = `renamed-${randomUUID()}`;
  await followed(link.code);
  await edited(ada, link.code, { alias });
  await eventually(
    () => followed(alias),
    ([status]) => status === 302,
    { timeoutMs: 10_000, everyMs: 5 },
  );
  await eventually(
    () => followed(link.code),
    ([status]) => status === 404 || status === 410,
    { timeoutMs: 10_000, everyMs: 5 },
  );
  const second = await newLink(ada, { long_url: 'https://example.org/second', alias: link.code });
  expect(await followed(link.code)).toEqual([302, second.long_url]);
});

describe('Codes', () => {
  it('are case-sensitive', async () => {
    const stem = randomUUID();
    const [lower, upper] = [
      await newLink(ada, { alias: `case-${stem}` }),
      await newLink(ada, { alias: `CASE-${stem}` }),
    ];
    expect(await followed(lower.code)).toEqual([302, lower.long_url]);
    expect(await followed(upper.code)).toEqual([302, upper.long_url]);
    expect((await followed(`Case-${stem}`))[0]).toBe(404);
  });

  it('generated: 7 characters of [0-9A-Za-z], no two alike, in no order', async () => {
    const codes = await concurrently(60, 8, async () => (await newLink(ada)).code as string);
    for (const code of codes) expect(code).toMatch(/^[0-9A-Za-z]{7}$/);
    expect(new Set(codes).size).toBe(60);
    expect([...codes].sort()).not.toEqual(codes);
    expect(new Set(codes.map((code) => code.slice(0, 2))).size).toBeGreaterThan(20);
  });

  it('a host of ours in any spelling leads to the same link; another host has none', async () => {
    const link = await newLink(ada);
    const { port } = new URL(inject('meshUrl'));
    const connection = await openConnection();
    for (const host of [
      'localhost',
      'LOCALHOST',
      `localhost:${port}`,
      'localhost.',
      '127.0.0.1',
      `127.0.0.1:${port}`,
      '[::1]',
    ]) {
      connection.send(httpRequest('GET', `/${link.code}`, { host }));
      const answer = await connection.answer();
      expect([host, answer?.status, answer?.headers.get('location')]).toEqual([host, 302, link.long_url]);
    }
    const old = await openConnection();
    old.send(`GET /${link.code} HTTP/1.0\r\n\r\n`);
    const answer = await old.answer();
    expect(['no host', answer?.status, answer?.headers.get('location')]).toEqual(['no host', 302, link.long_url]);
    old.close();
    for (const host of ['example.org', 'localhost.example.org', 'xlocalhost']) {
      connection.send(httpRequest('GET', `/${link.code}`, { host, ...json }));
      const answer = await connection.answer();
      expect([host, answer?.status]).toEqual([host, 404]);
    }
    connection.close();
  });
});
