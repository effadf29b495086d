import { randomUUID } from 'node:crypto';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { describe, expect, test } from 'vitest';
import type { Link } from '#gen/link/v1/link_pb.ts';
import { refusal, useTestHandlers } from './testing/test-handlers.ts';

const { client, given } = useTestHandlers();
const longUrl = 'https://example.com/a';

describe('listing', () => {
  async function all(request: Parameters<typeof client.listLinks>[0]): Promise<{ links: Link[]; pages: number }> {
    const links: Link[] = [];
    let pageToken = '';
    let pages = 0;
    do {
      const page = await client.listLinks({ ...request, pageToken });
      links.push(...page.urls);
      pageToken = page.nextPageToken;
      pages++;
    } while (pageToken !== '' && pages < 100);
    return { links, pages };
  }

  test('pages of any size tell every link once', async () => {
    const made: Link[] = [];
    for (let at = 0; at < 11; at++) made.push(await client.createLink({ longUrl }));
    // The newest first; those of one millisecond by their ids.
    const bornAt = ({ createdAt }: Link): number => (createdAt ? timestampMs(createdAt) : Number.NaN);
    made.sort((a, b) => bornAt(b) - bornAt(a) || (a.id < b.id ? 1 : -1));
    const { links, pages } = await all({ pageSize: 4 });
    expect(pages).toBe(3);
    expect(links.map(({ id }) => id)).toEqual(made.map(({ id }) => id));
    expect((await client.listLinks({})).nextPageToken).toBe('');
    expect((await client.listLinks({ pageSize: 11 })).nextPageToken).toBe('');
  });

  test('a page of long destinations is cut by bytes', async () => {
    const long = `https://example.com/${'x'.repeat(8_100)}`;
    for (let at = 0; at < 130; at++) await client.createLink({ longUrl: long });
    const first = await client.listLinks({ pageSize: 1_000 });
    expect(first.urls.length).toBeLessThan(130);
    expect(first.urls.length).toBeGreaterThan(100);
    expect((await all({ pageSize: 1_000 })).links).toHaveLength(130);
  });

  test('titles and tags are found in every normal form', async () => {
    const [title, tag] = ['Cafe\u0301', 'u\u0308ber'];
    const { code } = await client.createLink({ longUrl });
    const link = await client.updateLink({ code, patch: { title, tags: [tag, tag.normalize('NFC')] } });
    expect(link).toMatchObject({ title: title.normalize('NFC'), tags: [tag.normalize('NFC')] });
    for (const form of ['NFC', 'NFD']) {
      for (const request of [{ search: title.normalize(form) }, { tag: tag.normalize(form) }])
        expect((await client.listLinks(request)).urls.map(({ id }) => id)).toEqual([link.id]);
    }
  });

  test('a destination is found whichever way its accents are written, in it and in the search', async () => {
    const paths = [
      '/Caf\u00e9/Vi\u1ec7t',
      '/Cafe\u0301/Vie\u0323\u0302t',
      '/Cafe\u0301/Vi\u00ea\u0323t',
      '/Caf\u00e9/Vie\u0302\u0323t',
    ];
    const created = await Promise.all(
      paths.map((path) => client.createLink({ longUrl: `https://example.com${path}` })),
    );
    const ids = created.map(({ id }) => id).sort();
    for (const search of [...paths, 'VI\u1ec6T']) {
      const { urls } = await client.listLinks({ search });
      expect(urls.map(({ id }) => id).sort()).toEqual(ids);
    }
    // Both accents stand above the letter: in another order it is another one.
    await client.createLink({ longUrl: 'https://example.com/\u00e9\u0302' });
    expect((await client.listLinks({ search: '\u1ebf' })).urls).toEqual([]);
  });

  test('an empty field of the question is an absent one', async () => {
    await client.createLink({ longUrl, tags: ['a'] });
    await client.createLink({ longUrl, domain: 'go.example' });
    const question = { tag: '', search: '', state: '', orderBy: '', domain: '' };
    expect((await client.listLinks(question)).urls).toHaveLength(2);
    const first = await client.listLinks({ pageSize: 1 });
    expect(await client.listLinks({ ...question, pageSize: 1 })).toEqual(first);
    expect((await client.listLinks({ ...question, pageToken: first.nextPageToken })).urls).toHaveLength(1);
  });

  test('a tag of which nothing is to be seen is refused', async () => {
    const { code } = await client.createLink({ longUrl, tags: ['a b', ' c'] });
    for (const tag of [' ', '\u00a0\u2003', '\u200b', '\ufe0f ']) {
      for (const asked of [
        client.createLink({ longUrl, tags: ['a', tag] }),
        client.updateLink({ code, patch: { tags: [tag] } }),
      ])
        expect(await refusal(asked)).toEqual([Code.InvalidArgument, 'INVALID_ARGUMENT']);
    }
  });

  test('bad questions are refused', async () => {
    await client.createLink({ longUrl });
    await client.createLink({ longUrl });
    const { nextPageToken } = await client.listLinks({ pageSize: 1 });
    const invalid = [
      client.listLinks({ pageSize: -1 }),
      client.listLinks({ state: 'gone' }),
      client.listLinks({ orderBy: 'title' }),
      client.listLinks({ search: 'a\0' }),
    ];
    for (const refused of await Promise.all(invalid.map(refusal)))
      expect(refused).toEqual([Code.InvalidArgument, 'INVALID_ARGUMENT']);
    for (const request of [{ pageToken: 'x' }, { pageToken: nextPageToken, tag: 'other' }]) {
      expect(await refusal(client.listLinks(request))).toEqual([Code.InvalidArgument, 'PAGE_TOKEN_INVALID']);
    }
    for (const userId of ['nobody', randomUUID()]) {
      expect(await refusal(client.listLinks({ userId }))).toEqual([Code.NotFound, 'USER_NOT_FOUND']);
    }
    expect((await client.listLinks({ userId: 'me' })).urls).toHaveLength(2);
    expect((await client.listLinks({ userId: given.person.userId })).urls).toHaveLength(2);
  });

  test('counts come from analytics, and are absent when it is away', async () => {
    const link = await client.createLink({ longUrl });
    given.clicks = { [link.id]: 42 };
    expect((await client.listLinks({})).urls[0]?.clickCount).toBe(42);
    expect((await client.getLink({ code: link.code })).clickCount).toBe(42);
    given.clicks = undefined;
    expect((await client.getLink({ code: link.code })).clickCount).toBeUndefined();
  });
});

test('domains are listed, the default first, with where their short links begin', async () => {
  expect((await client.listDomains({})).domains).toMatchObject([
    { name: 'hop.example', isDefault: true, shortUrlBase: 'https://hop.example/' },
    { name: 'go.example', isDefault: false, shortUrlBase: 'https://go.example/' },
  ]);
});
